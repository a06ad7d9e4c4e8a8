-- name: parts_of_batch
-- The parts of a batch, in order, without their large `custom_ids`.
SELECT p.batch_id, p.number, p.id, p.file_id, p.input, p.model_group, p.deployment, p.account, p.provider, p.lines,
    p.state, p.results, p.job_id, p.outputs, p.completed, p.failed, p.error, p.attempts, p.unsure,
    floor(extract(epoch FROM p.searched_at))::bigint AS searched_at,
    extract(epoch FROM now() - p.searched_at)::float8 AS searched_for, p.polled_at AS claimed_at, b.endpoint,
    b.status AS batch_status, b.owner, b.team,
    floor(extract(epoch FROM b.created_at))::bigint AS created_at,
    extract(epoch FROM b.expires_at - b.created_at)::integer AS window_seconds,
    extract(epoch FROM now() - b.expires_at)::float8 AS late, i.stored_as
FROM batch_parts AS p
JOIN batches AS b ON b.id = p.batch_id
LEFT JOIN batch_inputs AS i ON i.file_id = p.file_id AND i.number = p.input
WHERE p.batch_id = %(batch_id)s
ORDER BY p.number;

-- name: custom_ids_of_part
-- What the keys of a part's lines stand for.
SELECT custom_ids FROM batch_parts WHERE id = %(id)s;

-- name: claim_due_part
-- A part that something is due for: its job to be made, looked after, counted or deleted. Of one batch if it is given,
-- and then also a job that runs and that nobody has asked about for `stale` seconds, or twenty times that where the last
-- look failed: attempts are counted, and nobody's impatience may use them up. None of the accounts in `busy`. The younger
-- the batch, the sooner comes the next look.
WITH due AS (
    SELECT p.batch_id, p.number FROM batch_parts AS p
    WHERE p.next_attempt_at IS NOT NULL AND (p.lease_until IS NULL OR p.lease_until <= now())
        AND p.account <> ALL(%(busy)s::text[])
        AND CASE
            WHEN %(batch_id)s::text IS NULL THEN p.next_attempt_at <= now()
            ELSE p.batch_id = %(batch_id)s AND (
                p.next_attempt_at <= now()
                OR (
                    p.state NOT IN ('waiting', 'completed', 'failed', 'expired', 'cancelled')
                    AND p.polled_at < now()
                        - %(stale)s * interval '1 second' * CASE WHEN p.error IS NULL THEN 1 ELSE 20 END
                )
            )
        END
    ORDER BY p.next_attempt_at LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE batch_parts AS p SET
    attempts = p.attempts + 1,
    polled_at = now(),
    lease_until = now() + %(lease)s * interval '1 second',
    searched_at = CASE WHEN p.unsure THEN coalesce(p.searched_at, now()) END,
    next_attempt_at = now() + (0.75 + random() / 2)
        * greatest(%(pause)s * interval '1 second', least(interval '10 minutes', (now() - b.created_at) / 20))
FROM due, batches AS b
WHERE p.batch_id = due.batch_id AND p.number = due.number AND b.id = p.batch_id
RETURNING p.batch_id, p.number, p.id, p.file_id, p.input, p.model_group, p.deployment, p.account, p.provider, p.lines,
    p.state, p.results, p.job_id, p.outputs, p.completed, p.failed, p.error, p.attempts, p.unsure,
    floor(extract(epoch FROM p.searched_at))::bigint AS searched_at,
    extract(epoch FROM now() - p.searched_at)::float8 AS searched_for, p.polled_at AS claimed_at, b.endpoint,
    b.status AS batch_status, b.owner, b.team,
    floor(extract(epoch FROM b.created_at))::bigint AS created_at,
    extract(epoch FROM b.expires_at - b.created_at)::integer AS window_seconds,
    extract(epoch FROM now() - b.expires_at)::float8 AS late,
    (SELECT i.stored_as FROM batch_inputs AS i WHERE i.file_id = p.file_id AND i.number = p.input) AS stored_as;

-- name: renew_part_leases
-- Keeps parts that are worked on from being taken for left ones. Locked in one order, as by whoever cancels.
WITH held AS (
    SELECT id FROM batch_parts WHERE id = ANY(%(ids)s::text[]) AND lease_until IS NOT NULL
    ORDER BY batch_id, number FOR NO KEY UPDATE
)
UPDATE batch_parts SET lease_until = now() + %(lease)s * interval '1 second'
FROM held
WHERE batch_parts.id = held.id;

-- name: begin_job
-- The part's job is about to be made: from now on it may exist although nobody has heard of it. No row: somebody else has
-- claimed the part since.
UPDATE batch_parts SET unsure = true, searched_at = NULL
WHERE id = %(id)s AND state = 'waiting' AND polled_at = %(claimed_at)s
RETURNING id;

-- name: note_job
-- The part's job exists: written down the moment it is known, by whoever knows it. No row: the part has another job.
UPDATE batch_parts SET
    job_id = %(job_id)s, state = CASE WHEN state = 'waiting' THEN 'validating' ELSE state END,
    attempts = 0, error = NULL, lease_until = NULL,
    next_attempt_at = now() + CASE WHEN attempts = 0 THEN 0 ELSE %(pause)s::float8 END * interval '1 second'
WHERE id = %(id)s AND results = 'none' AND (state = 'waiting' OR job_id = %(job_id)s)
RETURNING id;

-- name: begin_runs
-- The gateway runs the part's lines itself, chunk by chunk. No row: the lines are not there any more, or somebody else has
-- claimed the part since.
WITH part AS (
    UPDATE batch_parts AS p SET
        state = 'in_progress', attempts = 0, lease_until = NULL,
        next_attempt_at = now() + CASE WHEN attempts = 0 THEN 0 ELSE %(pause)s::float8 END * interval '1 second'
    WHERE id = %(id)s AND state = 'waiting' AND polled_at = %(claimed_at)s
        AND EXISTS (SELECT FROM batch_lines AS l WHERE l.file_id = p.file_id AND l.input = p.input)
    RETURNING batch_id, number, account, file_id, input
), begun AS (
    UPDATE batches SET in_progress_at = now() FROM part WHERE batches.id = part.batch_id AND in_progress_at IS NULL
)
INSERT INTO batch_runs (batch_id, number, chunk, account)
SELECT part.batch_id, part.number, l.chunk, part.account
FROM part JOIN batch_lines AS l ON l.file_id = part.file_id AND l.input = part.input
RETURNING chunk;

-- name: note_part
-- How far a part's job is. Once it has ended its results are to be counted, by whoever holds it already: that is the
-- first attempt. No row: somebody else has claimed the part since, or it has ended.
WITH noted AS (
    UPDATE batch_parts SET
        state = %(state)s,
        completed = coalesce(%(completed)s, completed),
        failed = coalesce(%(failed)s, failed),
        outputs = %(outputs)s,
        error = %(error)s,
        attempts = CASE WHEN %(ended)s THEN 1 ELSE 0 END,
        ended_at = CASE WHEN %(ended)s THEN coalesce(ended_at, now()) END,
        next_attempt_at = CASE WHEN %(ended)s THEN now() ELSE next_attempt_at END,
        lease_until = CASE WHEN %(ended)s THEN lease_until END
    WHERE id = %(id)s AND polled_at = %(claimed_at)s
        AND results = 'none' AND state NOT IN ('completed', 'failed', 'expired', 'cancelled')
    RETURNING id, batch_id, number
), idle AS (
    DELETE FROM batch_runs USING noted
    WHERE %(ended)s AND batch_runs.batch_id = noted.batch_id AND batch_runs.number = noted.number
), begun AS (
    UPDATE batches SET in_progress_at = now() FROM noted
    WHERE batches.id = noted.batch_id AND %(state)s <> 'validating' AND in_progress_at IS NULL
)
SELECT id FROM noted;

-- name: note_part_error
-- Why the last attempt at a part failed; the next one comes in `delay` seconds, or at once if somebody has asked for the
-- batch's end meanwhile. `sure`: it surely left no job behind. Nothing if somebody else has claimed the part since.
UPDATE batch_parts SET
    error = %(error)s, unsure = unsure AND NOT %(sure)s, lease_until = NULL,
    next_attempt_at = now() + CASE WHEN attempts = 0 THEN 0 ELSE %(delay)s::float8 END * interval '1 second'
WHERE id = %(id)s AND polled_at = %(claimed_at)s AND next_attempt_at IS NOT NULL;

-- name: give_up_part
-- A part that cannot be followed or counted has failed: its lines have no answers.
WITH ended AS (
    UPDATE batch_parts SET
        state = 'failed', outputs = '{}', error = %(error)s, attempts = 0, ended_at = coalesce(ended_at, now()),
        next_attempt_at = now(), lease_until = NULL
    WHERE id = %(id)s AND polled_at = %(claimed_at)s AND results = 'none'
    RETURNING batch_id, number
)
DELETE FROM batch_runs USING ended WHERE batch_runs.batch_id = ended.batch_id AND batch_runs.number = ended.number;

-- name: count_part
-- A part's results are counted: what its lines of the output and error files will be. After several attempts the error is
-- that of an earlier one, and told no more.
UPDATE batch_parts SET
    results = 'kept', completed = %(completed)s, failed = %(failed)s, output_bytes = %(output_bytes)s,
    error_bytes = %(error_bytes)s, usage = %(usage)s,
    error = CASE WHEN attempts <= 1 OR state = 'failed' THEN error END, next_attempt_at = NULL, lease_until = NULL
WHERE id = %(id)s AND polled_at = %(claimed_at)s AND results = 'none'
RETURNING batch_id;

-- name: forget_results
-- What a part left at its provider is gone, and what the gateway kept of it too.
WITH gone AS (
    UPDATE batch_parts SET
        results = 'gone', next_attempt_at = NULL, lease_until = NULL, outputs = '{}', custom_ids = ''
    WHERE id = %(id)s AND results = 'deleting'
    RETURNING batch_id, number
)
DELETE FROM batch_results USING gone
WHERE batch_results.batch_id = gone.batch_id AND batch_results.number = gone.number;
