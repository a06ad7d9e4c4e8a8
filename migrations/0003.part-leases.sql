-- Who works on a part, and since when a job is looked for that may exist.
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '60s';

-- While somebody works on a part nobody else does, whatever is due. NULL: nobody does.
ALTER TABLE batch_parts ADD COLUMN lease_until timestamptz;
-- When the job of a part that is `unsure` was first looked for: what was made later is not that job.
ALTER TABLE batch_parts ADD COLUMN searched_at timestamptz;
