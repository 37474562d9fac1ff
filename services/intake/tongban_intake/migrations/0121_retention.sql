-- migrate:up
CREATE TABLE case_index (
    kind text NOT NULL CHECK (kind IN ('applicant', 'holder')),
    hash bytea NOT NULL,
    application uuid NOT NULL,
    PRIMARY KEY (kind, hash, application)
);
CREATE INDEX case_index_of ON case_index (application);
COMMENT ON COLUMN case_index.hash IS 'Keyed hash of a number; the key lies in the folder of the vault.';

-- migrate:down
DROP TABLE case_index;
