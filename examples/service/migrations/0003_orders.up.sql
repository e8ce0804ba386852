CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer bigint NOT NULL REFERENCES customers (id),
    total_cents bigint NOT NULL
);
CREATE INDEX orders_customer ON orders (customer);
