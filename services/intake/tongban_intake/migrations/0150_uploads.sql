-- migrate:up
CREATE TABLE evidence_file (
    uploaded uuid PRIMARY KEY,
    application uuid NOT NULL,
    material text NOT NULL,
    object text NOT NULL UNIQUE,
    sha256 bytea NOT NULL,
    media_type text NOT NULL,
    kept_at timestamptz NOT NULL
);
CREATE INDEX evidence_file_application ON evidence_file (application);
COMMENT ON TABLE evidence_file IS 'Where the sealed file of an uploaded proof lies in the store of files.';
COMMENT ON COLUMN evidence_file.uploaded IS 'Event id of the upload.';
COMMENT ON COLUMN evidence_file.object IS 'A random name; nothing of it comes from the person.';

-- migrate:down
DROP TABLE evidence_file;
