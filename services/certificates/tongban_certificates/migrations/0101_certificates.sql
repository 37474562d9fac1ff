-- migrate:up
CREATE TABLE serial_counter (
    issuer text NOT NULL,
    year integer NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (issuer, year)
);

CREATE TABLE certificate (
    application uuid NOT NULL,
    kind text NOT NULL,
    number text NOT NULL UNIQUE,
    issuer text NOT NULL,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    applicant uuid NOT NULL,
    departments text[] NOT NULL,
    decided_at timestamptz NOT NULL,
    correlation_id uuid NOT NULL,
    causation_id uuid NOT NULL,
    traceparent text,
    state text NOT NULL CHECK (state IN ('due', 'issued', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0,
    retry_at timestamptz NOT NULL,
    failure text,
    issued_at timestamptz,
    sha256 text UNIQUE,
    holder_shown text,
    PRIMARY KEY (application, kind),
    CHECK ((state = 'issued') = (issued_at IS NOT NULL AND sha256 IS NOT NULL AND holder_shown IS NOT NULL))
);
CREATE INDEX certificate_due ON certificate (retry_at) WHERE state = 'due';
COMMENT ON COLUMN certificate.holder_shown IS 'The holder as anyone may see it: a company in full, a person masked.';

CREATE TABLE certificate_file (
    number text PRIMARY KEY REFERENCES certificate (number),
    pdf bytea NOT NULL
);
ALTER TABLE certificate_file ALTER COLUMN pdf SET STORAGE EXTERNAL;

-- migrate:down
DROP TABLE certificate_file, certificate, serial_counter;
