CREATE TYPE public.currency AS ENUM ('eur', 'usd');
CREATE TABLE public.customers (id bigint PRIMARY KEY, name text NOT NULL, region text);
CREATE TABLE public.orders (
    id bigint PRIMARY KEY, customer_id bigint REFERENCES public.customers,
    total numeric(12, 2), currency public.currency, placed_at timestamptz);
CREATE TABLE public.refunds (id bigint PRIMARY KEY, order_id bigint, amount numeric(12, 2));
INSERT INTO public.customers SELECT i, 'customer ' || i, 'region ' || i % 7 FROM generate_series(1, 500) i;
INSERT INTO public.orders SELECT i, 1 + i % 500, i * 1.25, 'eur', '2026-01-01'::timestamptz + i * interval '1 minute'
    FROM generate_series(1, 2000) i;
INSERT INTO public.refunds SELECT i, i * 3, 5 FROM generate_series(1, 200) i;
