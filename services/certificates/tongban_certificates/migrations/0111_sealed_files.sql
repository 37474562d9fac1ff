-- migrate:up
ALTER TABLE certificate_file RENAME COLUMN pdf TO sealed;
COMMENT ON COLUMN certificate_file.sealed IS 'The signed PDF, sealed under the case''s key of the field certificate/<number>.';

-- migrate:down
ALTER TABLE certificate_file RENAME COLUMN sealed TO pdf;
