-- migrate:up
CREATE INDEX fact_came_to_nothing ON fact (time, subject)
    WHERE type IN ('cn.tongban.application.withdrawn.v1', 'cn.tongban.application.not-accepted.v1');
CREATE INDEX draft_untouched ON draft (changed_at);
CREATE INDEX vault_key_erased ON vault_key (epoch) WHERE wrapped IS NULL;

-- migrate:down
DROP INDEX vault_key_erased, draft_untouched, fact_came_to_nothing;
