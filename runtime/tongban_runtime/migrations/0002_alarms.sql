-- migrate:up
CREATE TABLE alarm (
    subject uuid PRIMARY KEY,
    at timestamptz,
    provisional boolean NOT NULL,
    basis bigint NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    retry_at timestamptz
);
CREATE INDEX alarm_by_time ON alarm (at, subject) WHERE at IS NOT NULL;
CREATE INDEX alarm_by_basis ON alarm (basis, subject);
COMMENT ON COLUMN alarm.at IS 'The next moment at which something becomes true by time alone; null while it is only an estimate.';
COMMENT ON COLUMN alarm.basis IS 'The newest alarm_basis that the moment was computed from; an older one rings at once.';

CREATE TABLE alarm_basis (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- migrate:down
DROP TABLE alarm_basis, alarm;
