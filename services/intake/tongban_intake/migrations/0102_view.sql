-- migrate:up
CREATE TABLE view_generation (
    generation integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('building', 'active', 'retired')),
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX view_generation_active ON view_generation (state) WHERE state = 'active';
INSERT INTO view_generation (state) VALUES ('active');

CREATE TABLE status_view (
    generation integer NOT NULL REFERENCES view_generation,
    application_id uuid NOT NULL,
    partition integer NOT NULL,
    state text NOT NULL,
    intake_position integer NOT NULL,
    version integer NOT NULL,
    facts bytea NOT NULL,
    status bytea NOT NULL,
    PRIMARY KEY (generation, application_id)
);

-- migrate:down
DROP TABLE status_view, view_generation;
