-- migrate:up
CREATE TABLE task (
    application uuid NOT NULL,
    step text NOT NULL,
    department text NOT NULL,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    round integer NOT NULL,
    state text NOT NULL CHECK (
        state IN ('open', 'taken', 'correction', 'granted', 'refused', 'cancelled', 'annulled', 'suspended')
    ),
    officer uuid,
    decided_by text CHECK (decided_by IN ('rule', 'officer')),
    opened_at timestamptz NOT NULL,
    accepted_at timestamptz,
    due_at timestamptz,
    warn_at timestamptz,
    provisional boolean NOT NULL DEFAULT false,
    decided_at timestamptz,
    traceparent text,
    version integer NOT NULL DEFAULT 1,
    due_place timestamptz GENERATED ALWAYS AS (coalesce(due_at, 'infinity'::timestamptz)) STORED,
    PRIMARY KEY (application, step),
    CHECK (state <> 'taken' OR officer IS NOT NULL),
    CHECK (state NOT IN ('granted', 'refused') OR (decided_at IS NOT NULL AND decided_by IS NOT NULL)),
    CHECK (state NOT IN ('open', 'taken', 'correction') OR (decided_at IS NULL AND decided_by IS NULL))
);
CREATE INDEX task_by_department ON task (department, state, opened_at, application, step);
CREATE INDEX task_by_due ON task (department, state, due_place, application, step);
CREATE INDEX task_by_item ON task (item_code, step, accepted_at, application);
COMMENT ON COLUMN task.due_at IS 'End of the first limit that runs; null while the clock stands still or the step is decided.';

CREATE TABLE opinion (
    request uuid PRIMARY KEY,
    application uuid NOT NULL,
    step text NOT NULL,
    opinion text NOT NULL,
    department text NOT NULL,
    asked text NOT NULL,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    state text NOT NULL CHECK (state IN ('asked', 'given', 'lapsed', 'cancelled')),
    asked_at timestamptz NOT NULL,
    due_at timestamptz,
    agrees boolean,
    officer uuid,
    answered_at timestamptz,
    CHECK ((state = 'given') = (answered_at IS NOT NULL))
);
CREATE INDEX opinion_by_asked ON opinion (asked, state, asked_at, request);
CREATE INDEX opinion_by_application ON opinion (application, step, opinion);
COMMENT ON COLUMN opinion.department IS 'The department that asked; asked is the one that answers.';

-- migrate:down
DROP TABLE opinion, task;
