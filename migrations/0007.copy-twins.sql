-- A copy that may have a twin: what its upload sent before, without an answer, and what the provider may store late.
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '60s';

-- When to look for the twin, whatever becomes of the copy until then. NULL: there is none.
ALTER TABLE copies ADD COLUMN look_at timestamptz;
-- Looks that are planned already.
UPDATE copies SET look_at = next_attempt_at WHERE state = 'ready' AND next_attempt_at IS NOT NULL;
