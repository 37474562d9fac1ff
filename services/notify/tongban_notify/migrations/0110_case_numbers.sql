-- migrate:up
ALTER TABLE recipient ADD COLUMN case_number text;
COMMENT ON COLUMN recipient.case_number IS 'The number that people know the case by, once it has one.';

-- migrate:down
ALTER TABLE recipient DROP COLUMN case_number;
