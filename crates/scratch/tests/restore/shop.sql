-- A database with one of nearly everything that pg_dump writes.
CREATE SCHEMA app AUTHORIZATION shop_app;
CREATE SCHEMA "odd ""schema""" AUTHORIZATION shop_app;
CREATE EXTENSION hstore WITH SCHEMA app;
CREATE EXTENSION "uuid-ossp" WITH SCHEMA public;
CREATE EXTENSION postgres_fdw WITH SCHEMA public;
GRANT CREATE ON SCHEMA public TO shop_app;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO shop_app;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO shop_reader;

SET ROLE shop_app;
CREATE TYPE app.mood AS ENUM ('sad', 'it''s ok', 'happy');
CREATE DOMAIN app.email AS text CHECK (VALUE ~ '^[^@\\]+@[^@]+$') NOT NULL;
CREATE TYPE app.pair AS (a integer, b text);
CREATE TYPE app.span AS RANGE (subtype = float8);

CREATE FUNCTION app.nested() RETURNS text LANGUAGE plpgsql AS $outer$
BEGIN
  EXECUTE $inner$ SELECT 1; -- a semicolon; and a $dollar$ tag $dollar$
  $inner$;
  RETURN 'it''s \. done';
END
$outer$;
CREATE FUNCTION app.atomic(a integer) RETURNS integer
BEGIN ATOMIC
  SELECT CASE WHEN a > 0 THEN a ELSE 0 END;
END;
CREATE PROCEDURE app.touch(INOUT n integer) LANGUAGE sql AS 'SELECT n + 1';
CREATE FUNCTION app.compare(a app.pair, b app.pair) RETURNS integer LANGUAGE sql IMMUTABLE
  AS $$ SELECT CASE WHEN a.a < b.a THEN -1 WHEN a.a > b.a THEN 1 ELSE 0 END $$;
CREATE FUNCTION app.less(a app.pair, b app.pair) RETURNS boolean LANGUAGE sql IMMUTABLE
  AS $$ SELECT a.a < b.a $$;
CREATE OPERATOR app.<<< (LEFTARG = app.pair, RIGHTARG = app.pair, FUNCTION = app.less);
CREATE AGGREGATE app.total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE FUNCTION app.mood_of(a integer) RETURNS app.mood LANGUAGE sql IMMUTABLE
  AS $$ SELECT 'sad'::app.mood $$;
CREATE CAST (integer AS app.mood) WITH FUNCTION app.mood_of(integer) AS ASSIGNMENT;

CREATE TABLE app.users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email app.email UNIQUE,
  mood app.mood DEFAULT 'happy',
  tags app.hstore,
  note text COLLATE "C" DEFAULT E'a\tb\\c',
  shout text GENERATED ALWAYS AS (upper(note)) STORED
);
COMMENT ON TABLE app.users IS E'people; with ''quotes'' and \\ and\na line';
CREATE TABLE app.orders (
  id serial PRIMARY KEY,
  user_id bigint REFERENCES app.users ON DELETE CASCADE,
  total numeric(12,2) CHECK (total >= 0),
  at timestamptz NOT NULL DEFAULT '2024-01-01',
  EXCLUDE USING btree (id WITH =)
);
CREATE INDEX orders_at ON app.orders (at DESC, (total * 2)) WHERE total > 10;
CREATE TABLE app.events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT;
CREATE INDEX ON app.events (what);
CREATE TABLE app.parent (x integer);
CREATE TABLE app.child (y integer) INHERITS (app.parent);
CREATE TABLE "odd ""schema"""."a table
with a line; and ""quotes""" ("column
two" text, "select" integer);
CREATE TABLE app.texts (id integer, body text, raw bytea, many text[], doc jsonb);
CREATE UNLOGGED TABLE app.cache (k text);
CREATE TABLE app.nothing ();

INSERT INTO app.users (email, mood, tags, note)
  SELECT 'u' || n || '@example.org', CASE n % 3 WHEN 0 THEN 'sad' WHEN 1 THEN 'it''s ok' END::app.mood,
    app.hstore('k', n::text), CASE WHEN n % 7 = 0 THEN NULL ELSE 'note ' || n END
  FROM generate_series(1, 500) AS n;
INSERT INTO app.orders (user_id, total) SELECT 1 + n % 500, n / 3.0 FROM generate_series(1, 2000) AS n;
INSERT INTO app.events SELECT date '2023-06-01' + n, 'event ' || n FROM generate_series(1, 700) AS n;
INSERT INTO app.parent VALUES (1); INSERT INTO app.child VALUES (2, 3);
INSERT INTO "odd ""schema"""."a table
with a line; and ""quotes""" VALUES (E'\\.', 1), (E'line\n\\.\nline', 2), ('', NULL), ('\N', 3);
INSERT INTO app.texts VALUES
  (1, E'\\.', '\x00ff5c2e0a', ARRAY['a,b', 'c"d', NULL, E'\\'], '{"a": "\\u0041 \\\\."}'),
  (2, E'tab\t newline\n return\r backslash\\ quote'' "double"', NULL, '{}', 'null'),
  (3, 'snow ☃ and 😀', '\x', NULL, NULL),
  (4, repeat('long row ', 200000), NULL, NULL, NULL);
SELECT setval('app.orders_id_seq', 5000, false);
CREATE SEQUENCE app.numbers AS smallint START 7 INCREMENT 3 CYCLE;

CREATE VIEW app.rich AS SELECT u.id, sum(o.total) AS total FROM app.users u JOIN app.orders o ON o.user_id = u.id GROUP BY u.id;
CREATE VIEW app.checked WITH (security_barrier) AS SELECT * FROM app.orders WHERE total > 0 WITH CASCADED CHECK OPTION;
CREATE RECURSIVE VIEW app.counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 5;
CREATE MATERIALIZED VIEW app.daily AS SELECT at, count(*) AS n FROM app.events GROUP BY at;
CREATE UNIQUE INDEX ON app.daily (at);
CREATE MATERIALIZED VIEW app.empty AS SELECT 1 AS x WITH NO DATA;
CREATE FUNCTION app.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON app.orders FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION app.stamp();
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON app.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.stamp();
ALTER TABLE app.orders DISABLE TRIGGER later;
CREATE RULE shy AS ON DELETE TO app.parent DO INSTEAD NOTHING;
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.users FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON app.users FOR SELECT TO shop_reader, PUBLIC USING (id > 0);
CREATE STATISTICS app.linked (dependencies) ON user_id, total FROM app.orders;
CREATE TEXT SEARCH DICTIONARY app.words (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION app.find (COPY = pg_catalog.english);
CREATE COLLATION app.plain FROM "C";
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1', dbname 'prod');
CREATE USER MAPPING FOR shop_app SERVER elsewhere OPTIONS (user 'prod', password 'it''s');
CREATE FOREIGN TABLE app.far (id integer OPTIONS (column_name 'ID')) SERVER elsewhere OPTIONS (table_name 'far');
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO shop_reader;
GRANT SELECT ON app.orders TO shop_reader;
GRANT UPDATE (total) ON app.orders TO shop_reader WITH GRANT OPTION;
REVOKE ALL ON FUNCTION app.nested() FROM PUBLIC;
SELECT lo_from_bytea(424242, '\x5c2e0a00ff' || convert_to(repeat('large object ', 1000), 'UTF8'));
COMMENT ON LARGE OBJECT 424242 IS 'a large one';
GRANT SELECT ON LARGE OBJECT 424242 TO shop_reader;
SELECT lo_create(424243);
RESET ROLE;

CREATE OPERATOR CLASS app.pair_ops FOR TYPE app.pair USING btree AS
  OPERATOR 1 app.<<<(app.pair, app.pair), FUNCTION 1 app.compare(app.pair, app.pair);
ALTER OPERATOR CLASS app.pair_ops USING btree OWNER TO shop_app;
ALTER OPERATOR FAMILY app.pair_ops USING btree OWNER TO shop_app;
CREATE FUNCTION app.watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'ddl'; END $$;
CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION app.watch();
COMMENT ON EVENT TRIGGER watch IS 'watches';
CREATE FOREIGN DATA WRAPPER dummy OPTIONS (debug 'true');
CREATE PUBLICATION part FOR TABLE app.orders WHERE (total > 5);
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert');
CREATE PUBLICATION schemas FOR TABLES IN SCHEMA app;
ALTER PUBLICATION part OWNER TO shop_app;
