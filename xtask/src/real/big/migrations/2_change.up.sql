-- What is rehearsed on the big backup: a rewrite, a scan and an index.

ALTER TABLE documents ADD COLUMN length int;
UPDATE documents SET length = length(body);
ALTER TABLE documents ALTER COLUMN length SET NOT NULL;
CREATE INDEX events_by_time ON events (happened_at);
