-- migrate:up
CREATE TABLE register_preview (
    resource text NOT NULL,
    officer uuid NOT NULL,
    import uuid NOT NULL UNIQUE,
    at timestamptz NOT NULL,
    sha256 text NOT NULL,
    bad integer NOT NULL,
    entries jsonb NOT NULL,
    PRIMARY KEY (resource, officer)
);
COMMENT ON TABLE register_preview IS
    'Good rows of a table that an officer has seen and not taken in yet, under their keyed hashes; an officer''s newest for each register, for an hour.';

-- migrate:down
DROP TABLE register_preview;
