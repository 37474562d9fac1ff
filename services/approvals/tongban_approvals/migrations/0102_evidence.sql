-- migrate:up
ALTER TABLE task ADD COLUMN flagged boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN task.flagged IS 'A proof that the step looks at was corrected at its source after it was given.';

-- migrate:down
ALTER TABLE task DROP COLUMN flagged;
