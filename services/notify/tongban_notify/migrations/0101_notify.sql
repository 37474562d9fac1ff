-- migrate:up
CREATE TABLE recipient (
    application uuid PRIMARY KEY,
    person uuid NOT NULL,
    language text NOT NULL CHECK (language IN ('zh', 'en')),
    item_code text NOT NULL,
    item_version integer NOT NULL,
    sealed_email text
);

CREATE TABLE notification (
    id uuid PRIMARY KEY,
    application uuid NOT NULL REFERENCES recipient,
    person uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('submitted', 'accepted', 'accepted-deemed', 'correction-noticed', 'not-accepted',
        'promise-overdue', 'withdrawn', 'correction', 'clock-stopped', 'clock-resumed', 'extended', 'overdue',
        'opinion-lapsed', 'granted', 'granted-deemed', 'refused', 'annulled', 'reopened', 'appeal-decided', 'issued',
        'revoked', 'delivery-overdue')),
    channel text NOT NULL CHECK (channel IN ('inbox', 'email')),
    cause uuid NOT NULL,
    correlation_id uuid NOT NULL,
    traceparent text,
    department text,
    particulars json NOT NULL,
    happened_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    reason text,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    final_event uuid UNIQUE,
    finished_at timestamptz,
    read_at timestamptz,
    UNIQUE (application, kind, cause, channel),
    CHECK ((state = 'pending') = (final_event IS NULL)),
    CHECK ((state = 'pending') = (finished_at IS NULL)),
    CHECK ((state = 'failed') = (reason IS NOT NULL))
);
CREATE INDEX notification_due ON notification (due_at) WHERE state = 'pending';
CREATE INDEX notification_inbox ON notification (person, happened_at DESC, id DESC) WHERE channel = 'inbox';

CREATE FUNCTION refuse_second_final_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'notification % is %, and a final state never changes', OLD.id, OLD.state
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER notification_ends_once BEFORE UPDATE OF state, reason, final_event, finished_at ON notification
    FOR EACH ROW WHEN (OLD.state <> 'pending') EXECUTE FUNCTION refuse_second_final_state();

-- migrate:down
DROP TABLE notification, recipient;
DROP FUNCTION refuse_second_final_state();
