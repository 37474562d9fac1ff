-- migrate:up
CREATE TABLE ended_session (
    digest bytea PRIMARY KEY,
    forget_at timestamptz NOT NULL
);
COMMENT ON TABLE ended_session IS 'SHA-256 of the tokens of sessions that their person has ended, until they would have ended by themselves.';
CREATE INDEX ended_session_forget_at ON ended_session (forget_at);

-- migrate:down
DROP TABLE ended_session;
