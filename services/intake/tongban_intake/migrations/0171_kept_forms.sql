-- migrate:up
CREATE TABLE kept_form (
    id uuid PRIMARY KEY,
    person uuid NOT NULL,
    sealed bytea NOT NULL,
    kept_at timestamptz NOT NULL
);
COMMENT ON TABLE kept_form IS 'What somebody sent after their session had ended, until they sign in again; its key is in their browser.';
CREATE INDEX kept_form_of ON kept_form (person, kept_at);

-- migrate:down
DROP TABLE kept_form;
