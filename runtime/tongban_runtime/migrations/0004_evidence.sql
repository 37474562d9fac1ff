-- migrate:up
ALTER TABLE fact ADD COLUMN digest bytea;
UPDATE fact SET digest = sha256(convert_to(source || ' ' || extract(epoch FROM time)::text || ' ', 'UTF8') || body);
ALTER TABLE fact ALTER COLUMN digest SET NOT NULL;
ALTER TABLE fact DROP CONSTRAINT fact_pkey, ADD PRIMARY KEY (subject, event_id, digest);
COMMENT ON COLUMN fact.digest IS 'Of source, time and body: somebody who says another thing under an id takes nobody''s place.';

CREATE TABLE not_believed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    topic text NOT NULL,
    subject text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    time timestamptz NOT NULL,
    reason text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (consumer, subject, event_id, source, time)
);
COMMENT ON TABLE not_believed IS 'Events whose source may not say them, or whose act does not hold: kept as facts, counted nowhere.';

-- migrate:down
DROP TABLE not_believed;
DELETE FROM fact f USING fact g WHERE (f.subject, f.event_id) = (g.subject, g.event_id) AND f.digest > g.digest;
ALTER TABLE fact DROP CONSTRAINT fact_pkey, ADD PRIMARY KEY (subject, event_id), DROP COLUMN digest;
