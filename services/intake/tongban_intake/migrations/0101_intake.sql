-- migrate:up
CREATE TABLE application (
    id uuid PRIMARY KEY,
    applicant uuid NOT NULL,
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    request_digest bytea NOT NULL,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    submitted_at timestamptz NOT NULL,
    number text,
    UNIQUE (applicant, idempotency_key)
);

-- migrate:down
DROP TABLE application;
