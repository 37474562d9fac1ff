-- migrate:up
CREATE TABLE register_record (
    record uuid PRIMARY KEY,
    resource text NOT NULL,
    holder bytea NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    values jsonb NOT NULL,
    valid_until timestamptz,
    changed_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('current', 'withdrawn')),
    UNIQUE (resource, holder)
);
COMMENT ON COLUMN register_record.holder IS 'HMAC-SHA256 of the holder''s number under this deployment''s key: the number is not here.';
COMMENT ON COLUMN register_record.values IS 'By field of the resource, and no other; {} when it was withdrawn.';
COMMENT ON COLUMN register_record.changed_at IS 'When the content became what it is, by the source.';
COMMENT ON COLUMN register_record.told_at IS 'Time of the newest news about the record: what is older changes nothing.';

CREATE TABLE register_event (
    source text NOT NULL,
    event_id text NOT NULL,
    heard_at timestamptz NOT NULL,
    PRIMARY KEY (source, event_id)
);
COMMENT ON TABLE register_event IS 'News that sources sent and that were taken in: an exact repetition is answered and changes nothing.';

CREATE TABLE register_key (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    fingerprint bytea NOT NULL
);
COMMENT ON TABLE register_key IS 'Which key the holders'' numbers were hashed under; under another one nothing would be found.';

-- migrate:down
DROP TABLE register_key, register_event, register_record;
