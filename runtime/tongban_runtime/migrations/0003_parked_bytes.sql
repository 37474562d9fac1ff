-- migrate:up
ALTER TABLE parked
    ADD COLUMN raw_key bytea,
    ADD COLUMN producer text NOT NULL DEFAULT '',
    ADD COLUMN raw_names bytea[];
UPDATE parked SET raw_key = convert_to(key, 'UTF8'), raw_names = (
    SELECT coalesce(array_agg(convert_to(name, 'UTF8') ORDER BY n), '{}')
    FROM unnest(header_names) WITH ORDINALITY AS t(name, n)
);
ALTER TABLE parked DROP COLUMN header_names;
ALTER TABLE parked RENAME COLUMN raw_names TO header_names;
ALTER TABLE parked ALTER COLUMN header_names SET NOT NULL;
CREATE INDEX parked_by_producer ON parked (consumer, producer, parked_at);

-- migrate:down
DROP INDEX parked_by_producer;
ALTER TABLE parked ADD COLUMN names text[];
UPDATE parked SET names = (
    SELECT coalesce(array_agg(encode(name, 'escape') ORDER BY n), '{}')
    FROM unnest(header_names) WITH ORDINALITY AS t(name, n)
);
ALTER TABLE parked DROP COLUMN header_names;
ALTER TABLE parked RENAME COLUMN names TO header_names;
ALTER TABLE parked ALTER COLUMN header_names SET NOT NULL;
ALTER TABLE parked DROP COLUMN raw_key, DROP COLUMN producer;
