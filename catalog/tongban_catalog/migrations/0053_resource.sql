-- migrate:up
CREATE TABLE resource (
    id text PRIMARY KEY,
    definition json NOT NULL,
    sequence integer NOT NULL
);
COMMENT ON COLUMN resource.definition IS 'json and not jsonb: the order of a record''s fields is theirs.';

-- migrate:down
DROP TABLE resource;
