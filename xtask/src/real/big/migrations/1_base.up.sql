-- The tables of the big backup that `cargo xtask dump` makes.

CREATE TABLE documents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    body text NOT NULL
);

CREATE TABLE events (
    id bigint PRIMARY KEY,
    document_id bigint NOT NULL REFERENCES documents,
    happened_at timestamptz NOT NULL,
    payload jsonb NOT NULL
);

CREATE INDEX events_by_document ON events (document_id);

-- Rows of many megabytes.
CREATE TABLE files (
    id bigint PRIMARY KEY,
    content bytea NOT NULL
);

-- Many small tables, and one with many columns.
DO $$
BEGIN
    FOR number IN 1..400 LOOP
        EXECUTE format('CREATE TABLE small_%s (id int PRIMARY KEY, name text, price numeric(12, 2))', number);
    END LOOP;
    EXECUTE (
        SELECT format('CREATE TABLE wide (id int PRIMARY KEY, %s)', string_agg(format('c%s text', number), ', '))
        FROM generate_series(1, 400) AS number
    );
END
$$;
