-- Whoever has bought something, or asked for a newsletter.
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    phone text,
    city text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
