-- migrate:up
CREATE TABLE vault_key (
    application uuid PRIMARY KEY,
    wrapped bytea,
    fingerprint bytea NOT NULL,
    epoch integer NOT NULL,
    chain bytea,
    made_at timestamptz NOT NULL,
    erased_at timestamptz,
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
COMMENT ON COLUMN vault_key.application IS 'The case: an application, or the draft that it was.';
COMMENT ON COLUMN vault_key.wrapped IS 'The root key under the key-encryption key of its epoch; null after an erasure.';
COMMENT ON COLUMN vault_key.chain IS 'The newest chain value of the case''s access facts; null before the first.';

CREATE TABLE vault_epoch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch integer NOT NULL,
    kek bytea
);
INSERT INTO vault_epoch (epoch) VALUES (1);

-- migrate:down
DROP TABLE vault_epoch, vault_key;
