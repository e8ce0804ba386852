-- psql -v bytes=N -f fill.sql    about so many bytes in a gzipped dump
--
-- Text and bytes are hashes, which hardly compress, so that the compressed size is foreseeable.

\set ON_ERROR_STOP 1

INSERT INTO documents (title, body)
SELECT 'Document ' || n, (
    SELECT string_agg(encode(sha512(convert_to(n || ':' || part, 'UTF8')), 'base64'), ' ')
    FROM generate_series(1, 24) AS part
)
FROM generate_series(1, ceil(:bytes * 0.42 / 1690)::int) AS n;

INSERT INTO events
SELECT n, 1 + n % (SELECT count(*) FROM documents),
    timestamptz '2025-01-01 00:00:00+00' + n * interval '7 seconds',
    jsonb_build_object('number', n, 'kind', 'visit', 'note', E'\u00fc "quoted" \\ and\ttabs',
        'proof', (SELECT jsonb_agg(encode(sha512(convert_to(n || '-' || part, 'UTF8')), 'base64'))
            FROM generate_series(1, 6) AS part))
FROM generate_series(1, ceil(:bytes * 0.36 / 460)::int) AS n;

-- Rows of 4 MiB, which are lines of 8 MiB in a dump, and one eight times as large.
INSERT INTO files
SELECT n, (SELECT string_agg(sha512(convert_to(n || '/' || part, 'UTF8')), '')
    FROM generate_series(1, CASE n WHEN 1 THEN 524288 ELSE 65536 END) AS part)
FROM generate_series(1, 1 + ceil(:bytes * 0.06 / 4194304)::int) AS n;

-- Large objects of 1 MiB.
SELECT lo_from_bytea(0, (SELECT string_agg(sha512(convert_to(n || '.' || part, 'UTF8')), '')
    FROM generate_series(1, 16384) AS part))
FROM generate_series(1, greatest(1, ceil(:bytes * 0.02 / 1048576))::int) AS n
\g /dev/null

DO $$
BEGIN
    FOR number IN 1..400 LOOP
        EXECUTE format('INSERT INTO small_%s SELECT n, ''name '' || n, n * 1.5 FROM generate_series(1, 30) AS n', number);
    END LOOP;
    EXECUTE (
        SELECT format('INSERT INTO wide SELECT n, %s FROM generate_series(1, 300) AS n',
            string_agg(format('md5(n || ''%s'')', number), ', '))
        FROM generate_series(1, 400) AS number
    );
END
$$;
