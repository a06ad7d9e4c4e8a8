-- name: end_expired_leases
-- Uploads whose process died: their copies wait for deletion from now on.
WITH lost AS (
    SELECT id FROM files WHERE state = 'uploading' AND lease_until < now()
    ORDER BY lease_until LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), doomed AS (
    SELECT id FROM lost UNION SELECT files.id FROM files JOIN lost ON files.parent = lost.id
), ended AS (
    UPDATE files SET state = 'deleting', lease_until = NULL FROM doomed WHERE files.id = doomed.id
    RETURNING files.id
), claim AS (
    DELETE FROM idempotency USING ended WHERE idempotency.file_id = ended.id
), marked AS (
    UPDATE copies SET state = 'deleting', next_attempt_at = now() FROM ended WHERE copies.file_id = ended.id
)
SELECT id FROM ended;

-- name: expire_files
-- Files whose time is over: their copies wait for deletion from now on. One that a batch runs from, which nobody sees any
-- more, stays as long for the batch.
WITH over AS (
    SELECT id FROM files
    WHERE state = 'stored' AND expires_at <= now() AND NOT EXISTS (
        SELECT FROM batches AS b WHERE b.input_file_id = files.id AND b.status IN ('in_progress', 'cancelling')
    )
    ORDER BY expires_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), doomed AS (
    SELECT id FROM over UNION SELECT files.id FROM files JOIN over ON files.parent = over.id
), ended AS (
    UPDATE files SET state = 'deleting' FROM doomed WHERE files.id = doomed.id
    RETURNING files.id, files.owner, files.team, files.created_at, files.parent
), claim AS (
    DELETE FROM idempotency USING ended WHERE idempotency.file_id = ended.id
), trail AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT 'reconciler', 'file.expire', id, jsonb_build_object('owner', owner, 'team', team, 'created_at', created_at)
    FROM ended WHERE parent IS NULL
), marked AS (
    UPDATE copies SET state = 'deleting', next_attempt_at = now() FROM ended WHERE copies.file_id = ended.id
)
SELECT id FROM ended;

-- name: claim_due_copy
-- Takes a copy that waits, at none of the accounts in `busy`; the next attempt comes after an exponential back-off with
-- jitter, 5 seconds to 1 hour.
WITH due AS (
    SELECT file_id, account FROM copies
    WHERE next_attempt_at <= now() AND state IN ('deleting', 'processing', 'ready')
        AND account <> ALL(%(busy)s::text[])
    ORDER BY next_attempt_at LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE copies SET
    attempts = copies.attempts + 1,
    next_attempt_at = now() + least(interval '1 hour', interval '5 seconds' * power(2, least(copies.attempts, 10)))
        * (0.75 + random() / 2)
FROM due
WHERE copies.file_id = due.file_id AND copies.account = due.account
RETURNING copies.file_id, copies.account, copies.provider, copies.state, copies.remote_id, copies.attempts,
    (SELECT floor(extract(epoch FROM created_at))::bigint FROM files WHERE files.id = copies.file_id) AS since,
    copies.look_at IS NOT NULL AS twin;

-- name: forget_copies
-- Copies that are gone at their providers, unless a twin may still appear, or an upload that had lost its lease told
-- meanwhile what it stored.
DELETE FROM copies USING unnest(%(file_ids)s::text[], %(accounts)s::text[], %(remote_ids)s::text[])
    AS gone (file_id, account, remote_id)
WHERE copies.file_id = gone.file_id AND copies.account = gone.account AND state = 'deleting'
    AND copies.remote_id IS NOT DISTINCT FROM gone.remote_id AND (look_at IS NULL OR look_at <= now());

-- name: forget_files
-- Deleted files whose last copy is gone, those of their children included. Where they were the last of a batch's files,
-- its results wait for deletion from now on, and what the gateway kept of them is gone, whatever their provider says.
WITH gone AS (
    DELETE FROM files
    WHERE state = 'deleting' AND NOT EXISTS (SELECT FROM copies WHERE copies.file_id = files.id)
        AND NOT EXISTS (
            SELECT FROM files AS child JOIN copies ON copies.file_id = child.id WHERE child.parent = files.id
        )
    RETURNING batch_id
), doomed AS (
    UPDATE batch_parts SET results = 'deleting', attempts = 0, next_attempt_at = now()
    WHERE results = 'kept' AND batch_id IN (SELECT batch_id FROM gone)
        AND NOT EXISTS (SELECT FROM files WHERE files.batch_id = batch_parts.batch_id AND files.state = 'stored')
    RETURNING batch_id, number
)
DELETE FROM batch_results USING doomed
WHERE batch_results.batch_id = doomed.batch_id AND batch_results.number = doomed.number;

-- name: note_copy_error
-- Why the last attempt at a waiting copy failed; the next one is in the row already.
UPDATE copies SET error = %(error)s
WHERE file_id = %(file_id)s AND account = %(account)s;

-- name: end_look
-- A copy whose possible twin was looked for.
UPDATE copies SET next_attempt_at = NULL, look_at = NULL
WHERE file_id = %(file_id)s AND account = %(account)s AND state = 'ready';

-- name: end_processing
-- A copy that its provider has finished working on; its twin, if it may have one, is looked for when it is time.
UPDATE copies SET
    state = %(state)s, error = %(error)s, next_attempt_at = CASE WHEN %(state)s = 'ready' THEN look_at END
WHERE file_id = %(file_id)s AND account = %(account)s AND state = 'processing';
