-- Which claim a chunk of lines is held under: who comes back late must not go on beside whoever took it over.
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE batch_runs ADD COLUMN claimed_at timestamptz;
