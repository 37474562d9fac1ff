-- migrate:up
CREATE TABLE doubt (
    doubt uuid PRIMARY KEY,
    application uuid NOT NULL,
    access uuid NOT NULL,
    department text NOT NULL,
    text text NOT NULL,
    doubted_at timestamptz NOT NULL,
    explained_at timestamptz
);
COMMENT ON TABLE doubt IS 'What persons doubt of the use of their data, by the department that has to answer.';
COMMENT ON COLUMN doubt.access IS 'The event id of the line of the ledger.';
COMMENT ON COLUMN doubt.text IS 'Sealed under the key of the case, for the event doubt.';
CREATE INDEX doubt_open ON doubt (department, doubted_at) WHERE explained_at IS NULL;

-- migrate:down
DROP TABLE doubt;
