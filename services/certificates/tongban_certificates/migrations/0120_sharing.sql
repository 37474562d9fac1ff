-- migrate:up
CREATE TABLE evidence_request (
    request uuid PRIMARY KEY,
    application uuid NOT NULL,
    resource text NOT NULL,
    material text NOT NULL,
    provider text NOT NULL,
    asked_by text NOT NULL,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    basis text NOT NULL,
    fields text[] NOT NULL,
    lookup jsonb NOT NULL,
    lookup_plain jsonb NOT NULL,
    asked_at timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    correlation_id uuid NOT NULL,
    traceparent text,
    state text NOT NULL CHECK (
        state IN ('open', 'desk', 'negotiation', 'mediation', 'answered', 'failed', 'closed')
    ),
    refusal uuid,
    refused_at_stage text CHECK (refused_at_stage IN ('answer', 'negotiation', 'mediation')),
    objection uuid,
    argument text,
    retry_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    failing_told boolean NOT NULL DEFAULT false,
    CHECK ((refusal IS NULL) = (refused_at_stage IS NULL))
);
CREATE INDEX evidence_request_due ON evidence_request (retry_at) WHERE state = 'open';
CREATE INDEX evidence_request_desk ON evidence_request (provider, asked_at, request)
    WHERE state IN ('desk', 'negotiation', 'mediation');
CREATE INDEX evidence_request_running ON evidence_request (application)
    WHERE state IN ('open', 'desk', 'negotiation', 'mediation');
CREATE INDEX evidence_request_application ON evidence_request (application);
COMMENT ON COLUMN evidence_request.state IS
    'open: a program answers; desk, negotiation, mediation: a person does; closed: the case has ended, or the vault gave no keys.';
COMMENT ON COLUMN evidence_request.lookup IS 'What is personal of what to look up by: sealed, as it was sent.';
COMMENT ON COLUMN evidence_request.argument IS 'The objection''s words, sealed.';
COMMENT ON COLUMN evidence_request.failing_told IS 'Whether it was said that the source does not answer.';

CREATE TABLE disclosure (
    provided uuid PRIMARY KEY,
    request uuid NOT NULL REFERENCES evidence_request,
    application uuid NOT NULL,
    provider text NOT NULL,
    resource text NOT NULL,
    material text NOT NULL,
    record uuid NOT NULL,
    version integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    fields text[] NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX disclosure_record ON disclosure (record);
COMMENT ON TABLE disclosure IS 'Who was given which record: all of them hear of its corrections.';
COMMENT ON COLUMN disclosure.version IS 'Of the record, as the receiver knows it.';

CREATE TABLE correction (
    provided uuid NOT NULL REFERENCES disclosure,
    version integer NOT NULL,
    changed text[] NOT NULL,
    withdrawn boolean NOT NULL,
    cause text NOT NULL CHECK (cause IN ('dispute', 'source')),
    at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    retry_at timestamptz,
    PRIMARY KEY (provided, version)
);
COMMENT ON COLUMN correction.retry_at IS 'Null: at once.';
COMMENT ON TABLE correction IS 'Receivers who have still to be told of a record''s new version.';

CREATE TABLE evidence_dispute (
    dispute uuid PRIMARY KEY,
    provided uuid NOT NULL REFERENCES disclosure,
    application uuid NOT NULL,
    fields text[] NOT NULL,
    text text NOT NULL,
    version integer NOT NULL,
    raised_at timestamptz NOT NULL,
    correlation_id uuid NOT NULL,
    traceparent text,
    outcome text CHECK (outcome IN ('corrected', 'upheld'))
);
CREATE INDEX evidence_dispute_open ON evidence_dispute (provided) WHERE outcome IS NULL;
COMMENT ON COLUMN evidence_dispute.text IS 'The person''s words, sealed.';
COMMENT ON COLUMN evidence_dispute.version IS 'Of the record, as the person saw it.';

CREATE TABLE sharing_timer (
    about uuid NOT NULL,
    stage text NOT NULL CHECK (stage IN ('answer', 'negotiation', 'mediation')),
    request uuid NOT NULL REFERENCES evidence_request,
    started_at timestamptz NOT NULL,
    number integer NOT NULL,
    unit text NOT NULL,
    due_at timestamptz,
    provisional boolean NOT NULL DEFAULT true,
    basis bigint NOT NULL DEFAULT -1,
    told boolean NOT NULL DEFAULT false,
    PRIMARY KEY (about, stage)
);
CREATE INDEX sharing_timer_running ON sharing_timer (due_at) WHERE NOT told;
COMMENT ON TABLE sharing_timer IS 'The time in which a person has to answer a request or a dispute; gone when they did.';
COMMENT ON COLUMN sharing_timer.basis IS 'Which state of the calendars due_at was computed from; -1: none yet.';

CREATE TABLE turned_away (
    event uuid PRIMARY KEY,
    application uuid NOT NULL,
    rule text NOT NULL,
    department text,
    request uuid
);
COMMENT ON TABLE turned_away IS 'Attempts that the vault has still to put on record.';

-- migrate:down
DROP TABLE turned_away, sharing_timer, evidence_dispute, correction, disclosure, evidence_request;
