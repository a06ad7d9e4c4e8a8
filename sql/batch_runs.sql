-- name: claim_run
-- The next free chunk of lines that the gateway runs itself at one of these accounts, and what of it is done already.
-- `claimed_at` tells this claim from a later one. The first of each account is found by the index, then the first of all.
WITH free AS (
    SELECT first.batch_id, first.number, first.chunk
    FROM unnest(%(accounts)s::text[]) AS asked (account), LATERAL (
        SELECT r.batch_id, r.number, r.chunk, r.lease_until FROM batch_runs AS r
        WHERE r.account = asked.account AND r.lease_until <= now()
        ORDER BY r.lease_until LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS first
    ORDER BY first.lease_until LIMIT 1
), taken AS (
    UPDATE batch_runs AS r SET lease_until = now() + %(lease)s * interval '1 second', claimed_at = now()
    FROM free
    WHERE r.batch_id = free.batch_id AND r.number = free.number AND r.chunk = free.chunk
    RETURNING r.*
)
SELECT taken.batch_id, taken.number, taken.chunk, taken.account, taken.claimed_at, p.model_group, p.deployment, p.provider,
    l.data, b.endpoint, b.owner, b.team, b.models, b.admin,
    ARRAY(
        SELECT key FROM batch_results AS d
        WHERE d.batch_id = taken.batch_id AND d.number = taken.number AND d.chunk = taken.chunk
    ) AS done
FROM taken
JOIN batches AS b ON b.id = taken.batch_id
JOIN batch_parts AS p ON p.batch_id = taken.batch_id AND p.number = taken.number
JOIN batch_lines AS l ON l.file_id = p.file_id AND l.input = p.input AND l.chunk = taken.chunk;

-- name: renew_runs
-- Keeps chunks that are being run from being taken for left ones. One that is locked is about to go.
WITH held AS (
    SELECT r.batch_id, r.number, r.chunk
    FROM unnest(%(batch_ids)s::text[], %(numbers)s::integer[], %(chunks)s::integer[]) AS named (batch_id, number, chunk)
    JOIN batch_runs AS r USING (batch_id, number, chunk)
    FOR UPDATE OF r SKIP LOCKED
)
UPDATE batch_runs AS r SET lease_until = now() + %(lease)s * interval '1 second'
FROM held
WHERE r.batch_id = held.batch_id AND r.number = held.number AND r.chunk = held.chunk;

-- name: free_run
-- A chunk that its holder runs no further is anybody's, unless it is somebody else's already.
UPDATE batch_runs SET lease_until = now()
WHERE batch_id = %(batch_id)s AND number = %(number)s AND chunk = %(chunk)s AND claimed_at = %(claimed_at)s;

-- name: run_is_wanted
-- Whether a chunk is still to be run by who claimed it then; not so once its part has ended, be it cancelled.
SELECT 1 FROM batch_runs
WHERE batch_id = %(batch_id)s AND number = %(number)s AND chunk = %(chunk)s AND claimed_at = %(claimed_at)s;

-- name: keep_result
-- What came of one line; the first answer stays. The part is locked, so that none comes after its results are counted.
WITH running AS (
    SELECT batch_id, number FROM batch_parts
    WHERE batch_id = %(batch_id)s AND number = %(number)s AND state = 'in_progress'
    FOR SHARE
)
INSERT INTO batch_results (batch_id, number, chunk, key, data)
SELECT running.batch_id, running.number, %(chunk)s, %(key)s, %(data)s FROM running
ON CONFLICT DO NOTHING;

-- name: end_run
-- A chunk is done.
DELETE FROM batch_runs WHERE batch_id = %(batch_id)s AND number = %(number)s AND chunk = %(chunk)s;

-- name: wake_part
-- A part without chunks is to be looked after at once. A statement of its own: of two that end the last two chunks at the
-- same time neither would see that the other's is gone, and each would wait for what the other has locked.
UPDATE batch_parts AS p SET next_attempt_at = now()
WHERE batch_id = %(batch_id)s AND number = %(number)s AND state = 'in_progress'
    AND NOT EXISTS (SELECT FROM batch_runs AS r WHERE r.batch_id = p.batch_id AND r.number = p.number);

-- name: progress_of_runs
-- How many lines of a part are done, and how many chunks are left.
SELECT
    (SELECT count(*) FROM batch_results WHERE batch_id = %(batch_id)s AND number = %(number)s) AS done,
    (SELECT count(*) FROM batch_runs WHERE batch_id = %(batch_id)s AND number = %(number)s) AS left;

-- name: results_of_runs
-- The next results of lines that the gateway ran itself.
SELECT chunk, key, data FROM batch_results
WHERE batch_id = %(batch_id)s AND number = %(number)s AND (chunk, key) > (%(after_chunk)s, %(after_key)s)
ORDER BY chunk, key LIMIT %(limit)s;
