-- A point for every euro that a customer has spent so far.
ALTER TABLE customers ADD COLUMN points integer NOT NULL DEFAULT 0;

UPDATE customers c
SET points = spent.points
FROM (
    SELECT customer_id, (sum(total_cents) / 100)::integer AS points
    FROM order_totals
    GROUP BY customer_id
) AS spent
WHERE spent.customer_id = c.id;
