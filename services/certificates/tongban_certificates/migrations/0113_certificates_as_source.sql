-- migrate:up
ALTER TABLE certificate ADD COLUMN holder bytea, ADD COLUMN record uuid;
CREATE INDEX certificate_holder ON certificate (kind, holder) WHERE state = 'issued' AND holder IS NOT NULL;
CREATE INDEX certificate_record ON certificate (record) WHERE record IS NOT NULL;
COMMENT ON COLUMN certificate.holder IS
    'HMAC-SHA256 of the holder''s code under this deployment''s key, another one for each kind; null: it cannot be found by a code.';
COMMENT ON COLUMN certificate.record IS
    'Drawn at random when it is issued to a holder with a code; one that follows another of the same holder has the same.';

-- migrate:down
ALTER TABLE certificate DROP COLUMN record, DROP COLUMN holder;
