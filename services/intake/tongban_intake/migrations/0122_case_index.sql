-- migrate:up
DELETE FROM case_index;
ALTER TABLE case_index DROP CONSTRAINT case_index_kind_check;
ALTER TABLE case_index ADD CONSTRAINT case_index_kind_check CHECK (kind IN ('citizen', 'enterprise'));
COMMENT ON TABLE case_index IS 'By whose number a case is found: that of the person behind it, or of the holder it names.';

-- migrate:down
DELETE FROM case_index;
ALTER TABLE case_index DROP CONSTRAINT case_index_kind_check;
ALTER TABLE case_index ADD CONSTRAINT case_index_kind_check CHECK (kind IN ('applicant', 'holder'));
