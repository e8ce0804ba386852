-- Built beside the running shop: this cannot run in a transaction, and Stopover sees that.
CREATE INDEX CONCURRENTLY orders_placed_at ON orders (placed_at);
