-- migrate:up
CREATE TABLE identity (
    application uuid PRIMARY KEY,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    sealed text NOT NULL,
    consented_at timestamptz NOT NULL
);
COMMENT ON TABLE identity IS 'Whose proofs may be fetched: the person who agreed to it, by case.';
COMMENT ON COLUMN identity.sealed IS 'Who signed in, as the sign-in service knows them: sealed under the key of the case.';

CREATE TABLE resource_figures (
    resource text NOT NULL,
    outcome text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (resource, outcome)
);
COMMENT ON TABLE resource_figures IS 'How often each resource was asked, and with what outcome. Nothing about anybody.';

-- migrate:down
DROP TABLE resource_figures, identity;
