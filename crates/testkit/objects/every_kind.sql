-- One object of every kind that PostgreSQL 14 and newer know, for a superuser and an empty
-- database. It makes no roles and needs no file of the server's but its own modules.

CREATE SCHEMA app;
CREATE SCHEMA "Odd schema";
COMMENT ON SCHEMA app IS 'what the service owns';

-- Types
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'it''s "great"');
CREATE TYPE app.address AS (street text, city varchar(40) COLLATE "C", zip integer);
CREATE FUNCTION app.seconds_apart(a time, b time) RETURNS double precision LANGUAGE sql IMMUTABLE
    RETURN EXTRACT(EPOCH FROM (a - b));
CREATE TYPE app.time_range AS RANGE (subtype = time, subtype_diff = app.seconds_apart,
    multirange_type_name = app.time_ranges);
CREATE DOMAIN app.email AS text COLLATE "C" DEFAULT 'nobody@example.com' NOT NULL
    CONSTRAINT email_has_at CHECK (VALUE LIKE '%@%')
    CONSTRAINT email_is_short CHECK (length(VALUE) < 200);
CREATE DOMAIN app.colour AS varchar(10) CHECK (VALUE IN ('red', 'green', 'blue'));
CREATE TYPE app.pending_shell;
CREATE TYPE app.twin;
CREATE FUNCTION app.twin_in(cstring) RETURNS app.twin LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION app.twin_out(app.twin) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE app.twin (INPUT = app.twin_in, OUTPUT = app.twin_out, LIKE = integer);
CREATE COLLATION app.plain FROM "C";

-- Sequences and tables
CREATE SEQUENCE app.tickets AS integer START 10 INCREMENT 5 MAXVALUE 100000 CACHE 3 CYCLE;
CREATE TABLE app.customers (
    id bigserial PRIMARY KEY,
    gone integer,
    email app.email,
    name text COLLATE "C" NOT NULL DEFAULT 'unnamed',
    mood app.mood DEFAULT 'ok',
    address app.address,
    colour app.colour,
    notes text[],
    joined timestamptz NOT NULL DEFAULT now(),
    born date DEFAULT '2000-01-31',
    pause interval DEFAULT '1 day 02:03:04',
    balance numeric(12, 2) DEFAULT -1.50,
    doc jsonb DEFAULT '{"a": [1, 2]}',
    open_hours app.time_range,
    raw bytea DEFAULT '\x00ff',
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED,
    status varchar(20) NOT NULL DEFAULT 'new'
        CHECK (status IN ('new', 'active', 'closed')),
    CONSTRAINT customers_email_key UNIQUE (email) WITH (fillfactor = 70)
);
ALTER TABLE app.customers DROP COLUMN gone;
CREATE TABLE app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 10),
    customer_id bigint NOT NULL REFERENCES app.customers ON DELETE CASCADE,
    number integer DEFAULT nextval('app.tickets'),
    total numeric NOT NULL CHECK (total >= 0),
    note varchar(80),
    placed timestamp DEFAULT localtimestamp,
    PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT orders_note_check CHECK (note <> '') NO INHERIT
) WITH (fillfactor = 80, autovacuum_enabled = false, toast.autovacuum_enabled = false);
ALTER TABLE app.orders ALTER COLUMN note SET STORAGE EXTERNAL;
ALTER TABLE app.orders ALTER COLUMN note SET STATISTICS 77;
ALTER TABLE app.orders ALTER COLUMN total SET (n_distinct = 100);
ALTER TABLE app.orders ALTER COLUMN note SET COMPRESSION pglz;
ALTER TABLE app.orders ADD CONSTRAINT orders_number_check CHECK (number > 0) NOT VALID;
ALTER TABLE app.orders REPLICA IDENTITY FULL;
CREATE UNLOGGED TABLE app.cache (key text PRIMARY KEY, value json);
CREATE TABLE "Odd schema"."Odd ""table""" ("a column" integer, "select" text, "ö" xml);
CREATE TABLE app.nothing ();
CREATE TABLE app.addresses OF app.address (street NOT NULL, PRIMARY KEY (street));

-- Inheritance, with a column that is younger than the child
CREATE TABLE app.things (id integer NOT NULL, label text, CONSTRAINT things_label CHECK (label <> 'x'));
CREATE TABLE app.books (pages integer, author text) INHERITS (app.things);
ALTER TABLE app.things ADD COLUMN added date;
CREATE TABLE app.tagged (tag text);
CREATE TABLE app.tagged_books (isbn text) INHERITS (app.books, app.tagged);

-- Partitions
CREATE TABLE app.events (id bigint NOT NULL, at date NOT NULL, kind text DEFAULT 'plain',
    customer_id bigint REFERENCES app.customers, PRIMARY KEY (id, at),
    CONSTRAINT events_kind CHECK (kind <> '')) PARTITION BY RANGE (at);
CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE app.events_2025 (kind text, at date NOT NULL, id bigint NOT NULL, customer_id bigint,
    CONSTRAINT events_kind CHECK (kind <> ''));
ALTER TABLE app.events ATTACH PARTITION app.events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE app.events_other PARTITION OF app.events DEFAULT PARTITION BY LIST (id);
CREATE TABLE app.events_few PARTITION OF app.events_other FOR VALUES IN (1, 2, 3);
CREATE TABLE app.events_rest PARTITION OF app.events_other DEFAULT;
CREATE TABLE app.buckets (id integer PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE app.buckets_0 PARTITION OF app.buckets FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.buckets_1 PARTITION OF app.buckets FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE app.bucket_notes (bucket_id integer REFERENCES app.buckets, note text);

-- Indexes and statistics
CREATE INDEX orders_placed ON app.orders (placed DESC NULLS LAST) INCLUDE (total) WITH (fillfactor = 60);
CREATE INDEX orders_lower ON app.orders (lower(note) text_pattern_ops) WHERE note IN ('a', 'b');
ALTER INDEX app.orders_lower ALTER COLUMN 1 SET STATISTICS 55;
CREATE UNIQUE INDEX customers_name ON app.customers (name, id);
ALTER TABLE app.customers CLUSTER ON customers_name;
ALTER TABLE app.customers REPLICA IDENTITY USING INDEX customers_name;
CREATE INDEX customers_doc ON app.customers USING gin (doc jsonb_path_ops);
CREATE INDEX events_kind ON app.events (kind);
CREATE STATISTICS app.orders_stats (ndistinct, dependencies) ON customer_id, number FROM app.orders;
CREATE STATISTICS app.orders_lowers ON (lower(note)) FROM app.orders;
ALTER STATISTICS app.orders_stats SET STATISTICS 42;
CREATE TABLE app.bookings (room integer, during tsrange,
    CONSTRAINT bookings_apart EXCLUDE USING gist (during WITH &&) WHERE (room > 0));

-- Views
CREATE VIEW app.big_orders WITH (security_barrier = true) AS
    SELECT o.id, o.total AS amount, c.name FROM app.orders o JOIN app.customers c ON c.id = o.customer_id
    WHERE o.total > 100 AND c.status IN ('new', 'active') OR o.placed > '2024-01-01';
ALTER VIEW app.big_orders ALTER COLUMN amount SET DEFAULT 7;
CREATE VIEW app.new_customers AS SELECT id, name FROM app.customers WHERE status = 'new'
    WITH LOCAL CHECK OPTION;
CREATE VIEW app.moods AS SELECT *, 'x' AS literal, -5 AS minus FROM app.customers WHERE mood = 'ok'
    UNION ALL SELECT *, 'y', 5 FROM app.customers WHERE balance BETWEEN 1 AND 2;
CREATE RECURSIVE VIEW app.numbers (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 5;
CREATE MATERIALIZED VIEW app.totals WITH (fillfactor = 90) AS
    SELECT customer_id, sum(total) AS total FROM app.orders GROUP BY 1 WITH NO DATA;
CREATE UNIQUE INDEX totals_customer ON app.totals (customer_id);

-- Routines
CREATE FUNCTION app.add(a integer, b integer DEFAULT 2, OUT c integer) LANGUAGE plpgsql
    STABLE STRICT SECURITY DEFINER PARALLEL SAFE COST 7 SET search_path = app, pg_temp AS $$
BEGIN
    c := a + b; -- a comment that stays
END
$$;
CREATE FUNCTION app.many(VARIADIC items text[]) RETURNS SETOF text LANGUAGE sql ROWS 5
    AS 'SELECT unnest(items)';
CREATE FUNCTION app.standard(x integer) RETURNS integer LANGUAGE sql
    BEGIN ATOMIC SELECT count(*)::integer FROM app.orders WHERE id = x; END;
CREATE PROCEDURE app.tidy(IN days integer) LANGUAGE sql AS $$ DELETE FROM app.cache $$;
CREATE FUNCTION app.halve(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x / 2';
CREATE AGGREGATE app.total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0',
    COMBINEFUNC = int4pl, PARALLEL = SAFE);

-- Triggers, rules, policies
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER orders_touch BEFORE UPDATE OF total, note ON app.orders FOR EACH ROW
    WHEN (OLD.note IS DISTINCT FROM NEW.note) EXECUTE FUNCTION app.touch('a', 'b');
CREATE TRIGGER orders_off AFTER INSERT ON app.orders FOR EACH STATEMENT EXECUTE FUNCTION app.touch();
ALTER TABLE app.orders DISABLE TRIGGER orders_off;
CREATE CONSTRAINT TRIGGER orders_later AFTER DELETE ON app.orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE TRIGGER events_touch BEFORE INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.events_2024 DISABLE TRIGGER events_touch;
CREATE FUNCTION app.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER watch_ddl ON ddl_command_end WHEN TAG IN ('DROP TABLE', 'CREATE TABLE')
    EXECUTE FUNCTION app.on_ddl();
CREATE RULE cache_no_delete AS ON DELETE TO app.cache DO INSTEAD NOTHING;
CREATE RULE big_orders_insert AS ON INSERT TO app.big_orders DO INSTEAD
    INSERT INTO app.orders (customer_id, total) VALUES (1, NEW.amount);
ALTER TABLE app.cache ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.cache FORCE ROW LEVEL SECURITY;
CREATE POLICY cache_read ON app.cache FOR SELECT TO PUBLIC USING (key IN ('a', 'b'));
CREATE POLICY cache_write ON app.cache AS RESTRICTIVE FOR UPDATE USING (true) WITH CHECK (key <> '');

-- Operators, casts, conversions
CREATE FUNCTION app.same(app.mood, app.mood) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2::text';
CREATE OPERATOR app.=== (LEFTARG = app.mood, RIGHTARG = app.mood, FUNCTION = app.same,
    COMMUTATOR = OPERATOR(app.===), RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE FUNCTION app.compare(app.twin, app.twin) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE FUNCTION app.less(app.twin, app.twin) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE OPERATOR app.<< (LEFTARG = app.twin, RIGHTARG = app.twin, FUNCTION = app.less);
CREATE OPERATOR FAMILY app.twin_family USING btree;
CREATE OPERATOR CLASS app.twin_ops FOR TYPE app.twin USING btree FAMILY app.twin_family AS
    OPERATOR 1 app.<<, FUNCTION 1 app.compare(app.twin, app.twin);
CREATE FUNCTION app.mood_number(app.mood) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (app.mood AS integer) WITH FUNCTION app.mood_number(app.mood) AS ASSIGNMENT;
CREATE CONVERSION app.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE app.elsewhere (id integer) USING heap_too;
CREATE FUNCTION app.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE plpgsql_too HANDLER app.handler;
CREATE FUNCTION app.array_from(internal) RETURNS internal LANGUAGE internal IMMUTABLE STRICT AS 'int4recv';
CREATE TRANSFORM FOR app.mood LANGUAGE plpgsql_too (FROM SQL WITH FUNCTION app.array_from(internal));

-- Text search
CREATE TEXT SEARCH PARSER app.words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
    LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE app.plain (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY app.short (TEMPLATE = app.plain, stopwords = english);
CREATE TEXT SEARCH CONFIGURATION app.english (PARSER = app.words);
ALTER TEXT SEARCH CONFIGURATION app.english ADD MAPPING FOR asciiword, word WITH app.short, english_stem;

-- Elsewhere
CREATE FOREIGN DATA WRAPPER far OPTIONS (debug 'true');
CREATE SERVER warehouse TYPE 'postgres' VERSION '15' FOREIGN DATA WRAPPER far
    OPTIONS (host 'warehouse.example', api_key 'hush');
CREATE FOREIGN TABLE app.stock (id integer OPTIONS (column_name 'ID') NOT NULL, amount numeric)
    SERVER warehouse OPTIONS (table_name 'stock');
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, update');
CREATE PUBLICATION some_tables FOR TABLE app.orders, app.customers;

-- Comments
COMMENT ON TABLE app.orders IS 'what was ordered';
COMMENT ON COLUMN app.orders.total IS 'with tax';
COMMENT ON CONSTRAINT orders_number_check ON app.orders IS 'tickets begin at 1';
COMMENT ON INDEX app.orders_placed IS 'for the last page';
COMMENT ON FUNCTION app.add(integer, integer) IS 'adds';
COMMENT ON TYPE app.mood IS 'how they feel';
COMMENT ON TRIGGER orders_touch ON app.orders IS 'touches';

-- Rows
INSERT INTO app.customers (email, name, mood, address, colour, notes, joined, open_hours, balance)
    SELECT 'a' || i || '@example.com', 'name ' || i, 'sad', ROW('street ' || i, 'city', i)::app.address, 'red',
        ARRAY['x', NULL, ''], '2024-01-01 12:00+00'::timestamptz + i * interval '1 hour',
        app.time_range('08:00', '12:00'), i / 4.0
    FROM generate_series(1, 50) i;
INSERT INTO app.orders (customer_id, total, note, placed)
    SELECT 1 + i % 50, i, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 'NULL' ELSE 'é ' || i END, '2024-05-01'
    FROM generate_series(1, 300) i;
INSERT INTO app.events SELECT i, date '2024-06-01' + i * 7, CASE i % 2 WHEN 0 THEN 'plain' ELSE 'odd' END, 1
    FROM generate_series(1, 60) i;
INSERT INTO app.books (id, label, pages, author, added) VALUES (1, 'a', 100, 'x', '2024-01-01');
INSERT INTO app.buckets SELECT generate_series(1, 20);
INSERT INTO "Odd schema"."Odd ""table""" VALUES (1, 'a', '<a/>'), (NULL, NULL, NULL);
INSERT INTO app.cache VALUES ('k', '{"b":1,  "a":2}');
