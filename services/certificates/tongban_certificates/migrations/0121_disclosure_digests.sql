-- migrate:up
ALTER TABLE disclosure ADD COLUMN digests jsonb;
COMMENT ON COLUMN disclosure.digests IS
    'Of a register elsewhere: a keyed hash of each value that was given, to see whether it is another one now; {} when the record was gone.';

-- migrate:down
ALTER TABLE disclosure DROP COLUMN digests;
