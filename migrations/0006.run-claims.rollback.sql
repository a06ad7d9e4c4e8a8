ALTER TABLE batch_runs DROP COLUMN claimed_at;
