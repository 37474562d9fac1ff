-- migrate:up
CREATE TABLE case_serial (
    item_code text NOT NULL,
    day date NOT NULL,
    serial integer NOT NULL,
    PRIMARY KEY (item_code, day)
);

CREATE TABLE receipt (
    application uuid PRIMARY KEY,
    department text NOT NULL,
    number text NOT NULL,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'noticed', 'accepted', 'not-accepted', 'withdrawn')),
    received_at timestamptz NOT NULL,
    due timestamptz,
    warn_at timestamptz,
    provisional boolean NOT NULL
);
CREATE INDEX receipt_desk ON receipt (department, state, received_at, application);

CREATE TABLE draft (
    id uuid PRIMARY KEY,
    applicant uuid NOT NULL,
    sealed text NOT NULL,
    made_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX draft_of ON draft (applicant, changed_at);

-- migrate:down
DROP TABLE draft, receipt, case_serial;
