-- migrate:up
CREATE TABLE item (
    code text NOT NULL,
    version integer NOT NULL,
    definition json NOT NULL,
    effective_from date,
    cancel_on date,
    PRIMARY KEY (code, version)
);
COMMENT ON COLUMN item.definition IS 'json and not jsonb: the order of a form''s fields is theirs.';

CREATE TABLE department (
    id text PRIMARY KEY,
    uscc text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    region text,
    supervisor text,
    keys json NOT NULL,
    sequence integer NOT NULL
);

CREATE TABLE waiting_case (
    application uuid PRIMARY KEY,
    entry text NOT NULL,
    traceparent text
);
CREATE INDEX waiting_case_by_entry ON waiting_case (entry);
COMMENT ON COLUMN waiting_case.entry IS 'Key of the catalogue entry that the case waits for.';

-- migrate:down
DROP TABLE waiting_case, department, item;
