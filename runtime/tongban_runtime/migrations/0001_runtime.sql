-- migrate:up
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    topic text NOT NULL,
    subject uuid NOT NULL,
    source text NOT NULL,
    sequence integer NOT NULL,
    type text NOT NULL,
    time timestamptz NOT NULL,
    correlation_id uuid NOT NULL,
    causation_id uuid,
    traceparent text,
    body bytea NOT NULL,
    sent_at timestamptz,
    UNIQUE (subject, source, sequence)
);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;

CREATE TABLE outbox_leader (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL
);
INSERT INTO outbox_leader (epoch) VALUES (0);

CREATE TABLE position (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer, topic, partition)
);

CREATE TABLE parked (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    key text,
    event_id text,
    type text,
    reason text NOT NULL,
    detail text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    retry_at timestamptz,
    parked_at timestamptz NOT NULL DEFAULT now(),
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    body bytea,
    UNIQUE (consumer, topic, partition, record_offset)
);
CREATE INDEX parked_by_key ON parked (consumer, key, id);

CREATE TABLE subject (
    id uuid PRIMARY KEY
);

CREATE TABLE fact (
    subject uuid NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    sequence integer NOT NULL,
    time timestamptz NOT NULL,
    correlation_id uuid NOT NULL,
    causation_id uuid,
    body bytea NOT NULL,
    PRIMARY KEY (subject, event_id)
);

-- migrate:down
DROP TABLE fact, subject, parked, position, outbox_leader, outbox;
