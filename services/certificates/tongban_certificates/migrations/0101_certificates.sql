-- migrate:up
CREATE TABLE serial_counter (
    issuer text NOT NULL,
    year integer NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (issuer, year)
);

CREATE TABLE version_counter (
    base text PRIMARY KEY,
    last integer NOT NULL
);
COMMENT ON TABLE version_counter IS 'The highest version of a serial that has more than one; base is kind.issuer.serial.';

CREATE TABLE certificate (
    application uuid NOT NULL,
    kind text NOT NULL,
    edition integer NOT NULL CHECK (edition >= 1),
    number text NOT NULL UNIQUE,
    replaces text,
    issuer text NOT NULL,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    applicant uuid NOT NULL,
    departments text[] NOT NULL,
    decisions uuid[] NOT NULL,
    decided_at timestamptz NOT NULL,
    overdue_told boolean NOT NULL DEFAULT false,
    correlation_id uuid NOT NULL,
    causation_id uuid NOT NULL,
    traceparent text,
    state text NOT NULL CHECK (state IN ('due', 'issued', 'cancelled', 'revoked')),
    attempts integer NOT NULL DEFAULT 0,
    retry_at timestamptz NOT NULL,
    failure text,
    issued_at timestamptz,
    valid_until date,
    sha256 text UNIQUE,
    holder_shown text,
    revoked_at timestamptz,
    revoked_for text CHECK (revoked_for IN ('annulled', 'replaced')),
    PRIMARY KEY (application, kind, edition),
    CHECK ((state IN ('issued', 'revoked')) = (issued_at IS NOT NULL AND sha256 IS NOT NULL AND holder_shown IS NOT NULL)),
    CHECK ((state = 'revoked') = (revoked_at IS NOT NULL AND revoked_for IS NOT NULL))
);
CREATE INDEX certificate_due ON certificate (retry_at) WHERE state = 'due';
CREATE INDEX certificate_replaces ON certificate (replaces) WHERE replaces IS NOT NULL;
COMMENT ON COLUMN certificate.edition IS 'Counts the certificates of a case: a new one is made when the one before was revoked.';
COMMENT ON COLUMN certificate.replaces IS 'The identifier that this one follows: of a renewed or a revoked certificate.';
COMMENT ON COLUMN certificate.decisions IS 'Event ids of the grants that it rests on.';
COMMENT ON COLUMN certificate.overdue_told IS 'Whether it was said that the time for delivery is over.';
COMMENT ON COLUMN certificate.valid_until IS 'The last day on which it holds; null: it does not expire.';
COMMENT ON COLUMN certificate.holder_shown IS 'The holder as anyone may see it: a company in full, a person masked.';

CREATE TABLE certificate_file (
    number text PRIMARY KEY REFERENCES certificate (number),
    pdf bytea NOT NULL
);
ALTER TABLE certificate_file ALTER COLUMN pdf SET STORAGE EXTERNAL;

-- migrate:down
DROP TABLE certificate_file, certificate, version_counter, serial_counter;
