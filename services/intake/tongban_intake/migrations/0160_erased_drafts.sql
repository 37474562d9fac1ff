-- migrate:up
CREATE TABLE erased_draft (
    id uuid PRIMARY KEY,
    applicant uuid NOT NULL,
    erased_at timestamptz NOT NULL
);
COMMENT ON TABLE erased_draft IS 'Whose a draft was that was erased: they still see who had looked at it.';
CREATE INDEX erased_draft_of ON erased_draft (applicant, erased_at);
CREATE INDEX doubt_of ON doubt (application, access);

-- migrate:down
DROP INDEX doubt_of;
DROP TABLE erased_draft;
