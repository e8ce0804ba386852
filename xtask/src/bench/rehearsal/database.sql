-- bench.mb says how large it gets, in MB; the weights were fitted to that.
CREATE FUNCTION pg_temp.rows(per_mb numeric) RETURNS bigint LANGUAGE sql
    AS $$ SELECT greatest((current_setting('bench.mb')::numeric * per_mb)::bigint, 10) $$;

-- As pgbench makes them.
CREATE TABLE pgbench_accounts (aid integer NOT NULL, bid integer, abalance integer, filler character(84))
    WITH (fillfactor = 100);
INSERT INTO pgbench_accounts SELECT n, 1 + (n - 1) / 100000, 0, '' FROM generate_series(1, pg_temp.rows(3000)) n;
CREATE TABLE pgbench_branches (bid integer PRIMARY KEY, bbalance integer, filler character(88));
INSERT INTO pgbench_branches SELECT n, 0, '' FROM generate_series(1, pg_temp.rows(0.03)) n;
CREATE TABLE pgbench_tellers (tid integer PRIMARY KEY, bid integer, tbalance integer, filler character(84));
INSERT INTO pgbench_tellers SELECT n, 1 + n / 10, 0, '' FROM generate_series(1, pg_temp.rows(0.3)) n;
ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);

CREATE SCHEMA app;
CREATE TABLE app.customers (id bigserial PRIMARY KEY, name text NOT NULL, email text NOT NULL,
    data jsonb, created timestamptz NOT NULL);
INSERT INTO app.customers
    SELECT n, 'Customer ' || md5(n::text), md5((n * 7)::text) || '@example.org',
        jsonb_build_object('a', n, 'b', md5((n * 3)::text), 'tags', ARRAY['x', 'y', (n % 17)::text]),
        timestamptz '2020-01-01' + n * interval '1 second'
    FROM generate_series(1, pg_temp.rows(100)) n;
CREATE TABLE app.orders (id bigserial PRIMARY KEY, customer_id bigint NOT NULL, status text NOT NULL,
    total numeric(12, 2), placed timestamptz NOT NULL, note text, data jsonb);
INSERT INTO app.orders
    SELECT n, 1 + (n * 7919) % pg_temp.rows(100), (ARRAY['new', 'paid', 'sent', 'done'])[1 + n % 4],
        n % 10000 / 7.0, timestamptz '2021-01-01' + n * interval '1 minute', repeat(md5(n::text), 3),
        jsonb_build_object('ip', md5((n * 5)::text), 'n', n)
    FROM generate_series(1, pg_temp.rows(450)) n;
CREATE TABLE app.items (id bigserial PRIMARY KEY, order_id bigint NOT NULL, product integer NOT NULL,
    quantity integer NOT NULL, price numeric(10, 2), label text);
INSERT INTO app.items
    SELECT n, 1 + (n * 104729) % pg_temp.rows(450), n % 5000, n % 9, n % 1000 / 3.0,
        'label ' || md5((n % 100000)::text)
    FROM generate_series(1, pg_temp.rows(1300)) n;
CREATE TABLE app.events (id bigserial PRIMARY KEY, customer_id bigint, kind text, at timestamptz,
    payload jsonb);
INSERT INTO app.events
    SELECT n, 1 + (n * 31) % pg_temp.rows(100), 'kind' || n % 40,
        timestamptz '2022-01-01' + n * interval '3 second',
        jsonb_build_object('path', '/p/' || md5(n::text), 'agent', repeat(md5((n % 1000)::text), 4), 'ms', n % 777)
    FROM generate_series(1, pg_temp.rows(350)) n;

CREATE INDEX ON app.customers (email);
CREATE INDEX ON app.customers (created);
CREATE INDEX ON app.orders (customer_id);
CREATE INDEX ON app.orders (placed);
CREATE INDEX ON app.orders (status, placed);
CREATE INDEX ON app.items (order_id);
CREATE INDEX ON app.items (product);
CREATE INDEX ON app.items (label);
CREATE INDEX ON app.events (customer_id, at);
CREATE INDEX ON app.events ((payload ->> 'path'));
ALTER TABLE app.orders ADD FOREIGN KEY (customer_id) REFERENCES app.customers;
ALTER TABLE app.items ADD FOREIGN KEY (order_id) REFERENCES app.orders;
ALTER TABLE app.events ADD FOREIGN KEY (customer_id) REFERENCES app.customers;

DO $$ BEGIN
    FOR n IN 1 .. current_setting('bench.small')::integer LOOP
        EXECUTE format('CREATE TABLE app.small_%1$s (id integer PRIMARY KEY, name text, at timestamptz DEFAULT now());
            INSERT INTO app.small_%1$s SELECT n, md5(n::text) FROM generate_series(1, 100) n;
            CREATE INDEX ON app.small_%1$s (name)', n);
    END LOOP;
END $$;

-- sqlx's ledger, with nothing in it: all migrations of the bench are pending.
CREATE TABLE public._sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL,
    installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL,
    execution_time bigint NOT NULL);
