-- migrate:up
CREATE TABLE calendar (
    region text NOT NULL,
    year integer NOT NULL,
    off date[] NOT NULL,
    work date[] NOT NULL,
    hours text[] NOT NULL,
    source text NOT NULL,
    sequence integer NOT NULL,
    PRIMARY KEY (region, year)
);

-- migrate:down
DROP TABLE calendar;
