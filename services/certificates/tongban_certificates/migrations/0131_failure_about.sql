-- migrate:up
ALTER TABLE certificate ADD COLUMN failure_about text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN certificate.failure_about IS
    'What the failure is about: code points that no font has, a department, an answer, a rule of access, a kind of error.';

-- migrate:down
ALTER TABLE certificate DROP COLUMN failure_about;
