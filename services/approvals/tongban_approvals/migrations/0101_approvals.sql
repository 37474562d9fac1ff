-- migrate:up
CREATE TABLE task (
    application uuid NOT NULL,
    step text NOT NULL,
    department text NOT NULL,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'taken', 'correction', 'granted', 'refused', 'cancelled')),
    officer uuid,
    decided_by text CHECK (decided_by IN ('rule', 'officer')),
    opened_at timestamptz NOT NULL,
    decided_at timestamptz,
    traceparent text,
    version integer NOT NULL DEFAULT 1,
    PRIMARY KEY (application, step),
    CHECK (state <> 'taken' OR officer IS NOT NULL),
    CHECK ((state IN ('granted', 'refused')) = (decided_at IS NOT NULL AND decided_by IS NOT NULL))
);
CREATE INDEX task_by_department ON task (department, state, opened_at, application, step);

-- migrate:down
DROP TABLE task;
