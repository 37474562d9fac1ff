-- migrate:up
ALTER TABLE draft
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ADD COLUMN begun_by text CHECK (length(begun_by) BETWEEN 1 AND 200);
COMMENT ON COLUMN draft.version IS 'Counts the changes: who saves says which version they had seen.';
COMMENT ON COLUMN draft.begun_by IS 'The key of the request or form that began it, which begins it once.';
CREATE UNIQUE INDEX draft_begun_once ON draft (applicant, begun_by);

-- migrate:down
ALTER TABLE draft DROP COLUMN begun_by, DROP COLUMN version;
