-- What accounting asks for every month.
CREATE VIEW order_totals AS
SELECT o.id AS order_id, o.customer_id, o.placed_at, sum(i.quantity * i.price_cents) AS total_cents
FROM orders o
JOIN order_items i ON i.order_id = o.id
WHERE o.status <> 'returned'
GROUP BY o.id;
