-- Fills every table that it can with made-up rows, for `cargo xtask real`.
--
-- Values come from the columns' types; foreign keys from rows of the parents; enums, and literals
-- in checks, are tried as values. Each row is tried in several ways (nulls, defaults, other
-- values), each try a subtransaction of its own; a table that takes none of them stays empty, and
-- the last error says why. Nothing here knows any project.
--
-- psql -v rows=40 -f fill.sql    prints: table, rows, last error

\set ON_ERROR_STOP 1
SET client_min_messages = error;

-- An expression that makes a value of the type. `n` is the row's number, `hints` the definitions
-- of checks on the column.
CREATE FUNCTION pg_temp.made(type_id oid, modifier int, hints text) RETURNS text
LANGUAGE plpgsql AS $made$
DECLARE
    kind pg_catalog.pg_type;
    spelled text := format_type(type_id, modifier);
    literals text[];
    numbers bigint[];
    lengths text;
    usual text;
    size int;
    more text;
BEGIN
    SELECT * INTO kind FROM pg_catalog.pg_type WHERE oid = type_id;
    SELECT array_agg(DISTINCT replace(hit.found[1], '''''', '''')) INTO literals
        FROM regexp_matches(hints, '''((?:[^'']|'''')*)''', 'g') AS hit(found);
    SELECT array_agg(DISTINCT number) INTO numbers
        FROM regexp_matches(hints, '\m(\d{1,6})\M', 'g') AS hit(found),
             LATERAL (SELECT hit.found[1]::bigint + step AS number FROM generate_series(-1, 1) step) near;

    IF kind.typtype = 'd' THEN
        SELECT string_agg(pg_get_constraintdef(oid), ' ') INTO more
            FROM pg_catalog.pg_constraint WHERE contypid = type_id;
        RETURN format('(%s)::%s', pg_temp.made(kind.typbasetype, kind.typtypmod, concat(hints, ' ', more)), spelled);
    ELSIF kind.typtype = 'e' THEN
        SELECT format('(%L::text[])[1 + floor(random() * %s)::int]::%s', array_agg(enumlabel::text), count(*), spelled)
            INTO usual FROM pg_catalog.pg_enum WHERE enumtypid = type_id;
        RETURN usual;
    ELSIF kind.typtype IN ('r', 'm') THEN
        RETURN format('%L::%s', CASE kind.typtype WHEN 'r' THEN 'empty' ELSE '{}' END, spelled);
    ELSIF kind.typcategory = 'A' AND kind.typelem <> 0 THEN
        more := pg_temp.made(kind.typelem, modifier, hints);
        RETURN format('CASE WHEN random() < 0.3 THEN %L::%s ELSE ARRAY[%s, %s]::%s END', '{}', spelled, more, more, spelled);
    END IF;

    CASE
    WHEN kind.typname IN ('text', 'varchar', 'bpchar', 'citext', 'name') THEN
        size := CASE WHEN modifier > 4 THEN modifier - 4 ELSE 2000 END;
        usual := $$CASE floor(random() * 7)::int WHEN 0 THEN 'word' || n WHEN 1 THEN 'w' || n || md5(random()::text)
            WHEN 3 THEN n || '.2.3' WHEN 4 THEN 'https://example.org/' || n WHEN 5 THEN 'user' || n || '@example.org'
            WHEN 2 THEN E'\u00fc\t\\ "q" ''s''\n\u65e5 ' || n ELSE 'some words about ' || md5(n::text) END$$;
        IF literals IS NOT NULL THEN
            usual := format('CASE WHEN random() < 0.7 THEN (%L::text[])[1 + floor(random() * %s)::int] ELSE %s END',
                literals, cardinality(literals), usual);
        END IF;
        IF numbers IS NOT NULL THEN
            usual := format('CASE WHEN random() < 0.5 THEN repeat(%L, (%L::int[])[1 + floor(random() * %s)::int]) ELSE %s END',
                'a', numbers, cardinality(numbers), usual);
        END IF;
        RETURN format('left(%s, %s)::%s', usual, size, spelled);
    WHEN kind.typname IN ('int2', 'int4', 'int8', 'oid', 'float4', 'float8', 'numeric', 'money') THEN
        usual := '(CASE WHEN random() < 0.5 THEN n ELSE 1 + floor(random() * 9000)::int END)';
        IF kind.typname = 'numeric' AND modifier > 4 THEN
            usual := format('(random() * %s)::numeric', least(10 ^ (((modifier - 4) >> 16) - ((modifier - 4) & 2047)) - 1, 9000));
        ELSIF kind.typname IN ('float4', 'float8', 'numeric') THEN
            usual := '(random() * 9000)::numeric';
        END IF;
        IF numbers IS NOT NULL THEN
            usual := format('CASE WHEN random() < 0.7 THEN (%L::numeric[])[1 + floor(random() * %s)::int] ELSE %s END',
                numbers, cardinality(numbers), usual);
        END IF;
        RETURN format('(%s)::%s', usual, spelled);
    WHEN kind.typname = 'bytea' THEN
        usual := 'decode(repeat(md5(random()::text), 1 + n % 5), ''hex'')';
        IF numbers IS NOT NULL THEN
            usual := format('CASE WHEN random() < 0.8 THEN substr(decode(repeat(md5(random()::text), 70), ''hex''), 1, '
                '(%L::int[])[1 + floor(random() * %s)::int]) ELSE %s END', numbers, cardinality(numbers), usual);
        END IF;
        RETURN usual;
    WHEN kind.typname = 'bool' THEN RETURN '(random() < 0.5)';
    WHEN kind.typname = 'uuid' THEN RETURN 'gen_random_uuid()';
    WHEN kind.typname IN ('timestamp', 'timestamptz', 'date') THEN
        RETURN format('(timestamptz %L + random() * interval %L)::%s', '2024-01-01 00:00:00+00', '600 days', spelled);
    WHEN kind.typname IN ('time', 'timetz') THEN RETURN format('%L::%s', '12:34:56', spelled);
    WHEN kind.typname = 'interval' THEN RETURN '(n * interval ''1 minute'')';
    WHEN kind.typname IN ('json', 'jsonb') THEN
        RETURN format('CASE WHEN random() < 0.3 THEN %L::%s ELSE json_build_object(%L, n, %L, E''\u00fc "x" \\'')::%s END',
            '{}', spelled, 'id', 'note', spelled);
    WHEN kind.typname IN ('inet', 'cidr') THEN RETURN format('(%L || n %% 250)::%s', '10.0.0.', spelled);
    WHEN kind.typname = 'macaddr' THEN RETURN format('%L::macaddr', '08:00:2b:01:02:03');
    WHEN kind.typname = 'tsvector' THEN RETURN 'to_tsvector(''simple'', ''some words '' || n)';
    WHEN kind.typname IN ('bit', 'varbit') THEN RETURN format('%s::%s', 'B''1''', spelled);
    WHEN kind.typname = 'ltree' THEN RETURN format('(%L || n)::%s', '0.', spelled);
    WHEN kind.typname = 'hstore' THEN RETURN format('%L::%s', 'a=>1', spelled);
    WHEN kind.typname = 'xml' THEN RETURN '''<a/>''::xml';
    WHEN kind.typname = 'pg_lsn' THEN RETURN '''0/1''::pg_lsn';
    WHEN kind.typname = 'point' THEN RETURN 'point(n, n)';
    WHEN kind.typname IN ('xid', 'xid8') THEN RETURN format('%L::%s', '1', spelled);
    ELSE RETURN format('NULL::%s', spelled);
    END CASE;
END
$made$;

-- The statement that inserts row $1 with nulls at the chance $2; with the columns' own defaults
-- when `defaults`.
CREATE FUNCTION pg_temp.insertion(of_table oid, defaults boolean) RETURNS text
LANGUAGE plpgsql AS $insertion$
DECLARE
    col record;
    parent record;
    names text[] := '{}';
    makers text[] := '{}';
    joins text := '';
    maker text;
    hints text;
BEGIN
    FOR parent IN SELECT oid, confrelid, conkey, confkey FROM pg_catalog.pg_constraint
        WHERE conrelid = of_table AND contype = 'f' ORDER BY oid
    LOOP
        SELECT format(' LEFT JOIN LATERAL (SELECT %s FROM %s AS parent ORDER BY random() LIMIT 1) AS parent_%s ON true',
                string_agg(format('parent.%I AS key_%s', a.attname, parent.conkey[keys.place]), ', '),
                parent.confrelid::regclass, parent.oid)
            INTO maker
            FROM unnest(parent.confkey) WITH ORDINALITY AS keys(number, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = parent.confrelid AND a.attnum = keys.number;
        joins := joins || maker;
    END LOOP;
    FOR col IN SELECT a.*, pg_get_expr(d.adbin, d.adrelid) AS initial,
            (SELECT format('parent_%s.key_%s', c.oid, a.attnum) FROM pg_catalog.pg_constraint c
                WHERE c.conrelid = of_table AND c.contype = 'f' AND a.attnum = ANY (c.conkey)
                ORDER BY c.oid LIMIT 1) AS from_parent
        FROM pg_catalog.pg_attribute a
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = of_table AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attgenerated = '' AND a.attidentity = '' ORDER BY a.attnum
    LOOP
        CONTINUE WHEN col.initial LIKE 'nextval(%';
        CONTINUE WHEN defaults AND col.initial IS NOT NULL AND col.from_parent IS NULL;
        SELECT coalesce(string_agg(pg_get_constraintdef(c.oid), ' '), '') INTO hints FROM pg_catalog.pg_constraint c
            WHERE c.conrelid = of_table AND c.contype = 'c' AND col.attnum = ANY (c.conkey);
        maker := coalesce(col.from_parent, pg_temp.made(col.atttypid, col.atttypmod, hints));
        IF NOT col.attnotnull THEN
            maker := format('CASE WHEN random() < $2 THEN NULL ELSE %s END', maker);
        END IF;
        names := names || quote_ident(col.attname);
        makers := makers || maker;
    END LOOP;
    IF names = '{}' THEN
        RETURN format('INSERT INTO %s SELECT FROM (SELECT $1::int, $2::float8) AS line', of_table::regclass);
    END IF;
    RETURN format('INSERT INTO %s (%s) SELECT %s FROM (SELECT $1::int AS n) AS line%s',
        of_table::regclass, array_to_string(names, ', '), array_to_string(makers, ', '), joins);
END
$insertion$;

-- Up to `wanted` rows into one table; the last error, or null.
CREATE FUNCTION pg_temp.fill_table(of_table oid, wanted int) RETURNS text
LANGUAGE plpgsql AS $fill_table$
DECLARE
    ways text[] := ARRAY[pg_temp.insertion(of_table, false), pg_temp.insertion(of_table, true)];
    chances float8[] := ARRAY[0.2, 0, 1, 0.5, 0.8];
    made int := 0;
    problem text;
BEGIN
    FOR n IN 1..wanted LOOP
        FOR attempt IN 0..29 LOOP
            BEGIN
                EXECUTE ways[1 + attempt % 2] USING n, chances[1 + (attempt / 2) % 5];
                made := made + 1;
                EXIT;
            EXCEPTION WHEN OTHERS THEN
                problem := SQLERRM;
            END;
        END LOOP;
        EXIT WHEN made = 0 AND n = 3;
    END LOOP;
    RETURN CASE WHEN made = 0 THEN problem END;
END
$fill_table$;

-- Tables that are the project's own: no partitions, no extension's, no ledger.
CREATE FUNCTION pg_temp.own_tables() RETURNS SETOF oid
LANGUAGE sql AS $own_tables$
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND s.nspname !~ '^pg_' AND s.nspname NOT IN ('information_schema', 'stopover')
        AND c.relname NOT IN ('_sqlx_migrations', '__diesel_schema_migrations')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY s.nspname, c.relname
$own_tables$;

CREATE FUNCTION pg_temp.has_rows(of_table oid) RETURNS boolean
LANGUAGE plpgsql AS $has_rows$
DECLARE
    found boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', of_table::regclass) INTO found;
    RETURN found;
END
$has_rows$;

-- Whether every parent that a row must have, has rows.
CREATE FUNCTION pg_temp.ready(of_table oid) RETURNS boolean
LANGUAGE sql AS $ready$
    SELECT coalesce(bool_and(pg_temp.has_rows(c.confrelid)), true) FROM pg_catalog.pg_constraint c
    WHERE c.conrelid = of_table AND c.contype = 'f' AND c.confrelid <> of_table
        AND NOT EXISTS (SELECT FROM unnest(c.conkey) AS key JOIN pg_catalog.pg_attribute a
            ON a.attrelid = of_table AND a.attnum = key WHERE NOT a.attnotnull)
$ready$;

CREATE FUNCTION pg_temp.fill(wanted int) RETURNS TABLE (relation text, rows bigint, problem text)
LANGUAGE plpgsql AS $fill$
DECLARE
    of_table oid;
    done oid[] := '{}';
    progress boolean := true;
    problems jsonb := '{}';
    said text;
BEGIN
    WHILE progress LOOP
        progress := false;
        FOR of_table IN SELECT pg_temp.own_tables() LOOP
            CONTINUE WHEN of_table = ANY (done);
            CONTINUE WHEN NOT pg_temp.ready(of_table);
            done := done || of_table;
            progress := true;
            said := pg_temp.fill_table(of_table, wanted);
            problems := problems || jsonb_build_object(of_table::text, said);
        END LOOP;
    END LOOP;
    FOR of_table IN SELECT pg_temp.own_tables() LOOP
        relation := of_table::regclass;
        EXECUTE format('SELECT count(*) FROM %s', relation) INTO rows;
        problem := CASE WHEN rows = 0 THEN coalesce(problems ->> of_table::text, 'a parent has no rows') END;
        RETURN NEXT;
    END LOOP;
END
$fill$;

BEGIN;
-- A deferred check that fails at the end would take all rows with it.
SET CONSTRAINTS ALL IMMEDIATE;
SELECT setseed(0.5) \g /dev/null
SELECT relation, rows, replace(problem, E'\n', ' ') FROM pg_temp.fill(:rows);
COMMIT;
