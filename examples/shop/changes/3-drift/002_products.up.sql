-- Prices are in cents. What is sold out stays, for the orders that name it.
CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL UNIQUE,
    name text NOT NULL,
    -- Gifts cost nothing.
    price_cents integer NOT NULL CHECK (price_cents >= 0),
    sold_out boolean NOT NULL DEFAULT false
);
