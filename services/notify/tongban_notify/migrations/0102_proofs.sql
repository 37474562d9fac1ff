-- migrate:up
ALTER TABLE notification DROP CONSTRAINT notification_kind_check;
ALTER TABLE notification ADD CONSTRAINT notification_kind_check CHECK (kind IN ('submitted', 'accepted', 'accepted-deemed', 'correction-noticed', 'not-accepted',
    'promise-overdue', 'withdrawn', 'correction', 'clock-stopped', 'clock-resumed', 'extended', 'overdue', 'opinion-lapsed',
    'granted', 'granted-deemed', 'refused', 'annulled', 'reopened', 'appeal-decided', 'issued', 'revoked', 'delivery-overdue',
    'evidence-failed', 'evidence-refused', 'evidence-corrected', 'dispute-answered'));

-- migrate:down
DELETE FROM notification WHERE kind IN ('evidence-failed', 'evidence-refused', 'evidence-corrected', 'dispute-answered');
ALTER TABLE notification DROP CONSTRAINT notification_kind_check;
ALTER TABLE notification ADD CONSTRAINT notification_kind_check CHECK (kind IN ('submitted', 'accepted', 'accepted-deemed', 'correction-noticed', 'not-accepted',
    'promise-overdue', 'withdrawn', 'correction', 'clock-stopped', 'clock-resumed', 'extended', 'overdue', 'opinion-lapsed',
    'granted', 'granted-deemed', 'refused', 'annulled', 'reopened', 'appeal-decided', 'issued', 'revoked', 'delivery-overdue'));
