-- migrate:up
CREATE TABLE register_import (
    import uuid PRIMARY KEY,
    resource text NOT NULL,
    officer uuid,
    at timestamptz NOT NULL,
    sha256 text NOT NULL,
    good integer NOT NULL,
    bad integer NOT NULL
);
COMMENT ON TABLE register_import IS 'Who brought in which file, and when; officer is null when an operator did, on the command line.';

-- migrate:down
DROP TABLE register_import;
