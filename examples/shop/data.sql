-- The shop's data: the same every time, so that what a rehearsal finds in it can be checked.
BEGIN;

-- Every 40th customer came over from the old shop, which did not ask for a phone number.
INSERT INTO customers (name, email, phone, city, created_at)
SELECT
    first || ' ' || last,
    lower(first || '.' || last) || n || '@example.org',
    CASE WHEN n % 40 <> 17 THEN '+49 30 ' || lpad((n * 7919 % 1000000)::text, 6, '0') END,
    (ARRAY['Berlin', 'Hamburg', 'Leipzig', 'Wien', 'Graz', 'Basel', 'Bern'])[1 + n % 7],
    timestamptz '2021-03-01 09:00:00+00' + n * interval '19 hours 7 minutes'
FROM
    generate_series(1, 2400) AS n,
    LATERAL (
        SELECT
            (ARRAY['Ada', 'Ben', 'Clara', 'Deniz', 'Emil', 'Fatma', 'Greta', 'Hannes', 'Ines',
                'Jonas', 'Karla', 'Luca', 'Mara'])[1 + n % 13] AS first,
            (ARRAY['Albrecht', 'Brandt', 'Celik', 'Dietz', 'Ernst', 'Frey', 'Graf', 'Huber',
                'Ilg', 'Jung', 'Keller'])[1 + n % 11] AS last
    ) AS person;

INSERT INTO products (sku, name, price_cents, sold_out)
SELECT
    'P-' || lpad(n::text, 4, '0'),
    material || ' ' || thing,
    490 + n * 137 % 9500,
    n % 23 = 0
FROM
    generate_series(1, 180) AS n,
    LATERAL (
        SELECT
            (ARRAY['Oak', 'Steel', 'Linen', 'Glass', 'Cork', 'Copper'])[1 + n % 6] AS material,
            (ARRAY['lamp', 'shelf', 'bowl', 'clock', 'tray', 'chair', 'vase'])[1 + n % 7] AS thing
    ) AS article;

INSERT INTO orders (customer_id, status, placed_at)
SELECT
    1 + n * 7 % 2300,
    (ARRAY['sent', 'sent', 'sent', 'paid', 'placed', 'returned'])[1 + n % 6],
    timestamptz '2023-01-02 08:00:00+00' + n * interval '2 hours 41 minutes'
FROM generate_series(1, 9000) AS n;

INSERT INTO order_items (order_id, product_id, quantity, price_cents)
SELECT o.id, p.id, 1 + (o.id + line) % 3, p.price_cents
FROM
    orders AS o,
    generate_series(0, 1 + (o.id % 3)::integer) AS line,
    LATERAL (SELECT id, price_cents FROM products WHERE id = 1 + (o.id * 13 + line * 31) % 180) AS p;

COMMIT;
