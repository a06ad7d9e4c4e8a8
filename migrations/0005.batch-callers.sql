-- What the key that made a batch may use: its lines are asked later, by the gateway itself.
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '60s';

-- As in api_keys: none means every model group.
ALTER TABLE batches ADD COLUMN models text[] NOT NULL DEFAULT '{}';
ALTER TABLE batches ADD COLUMN admin boolean NOT NULL DEFAULT false;
