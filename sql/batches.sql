-- name: settle_batch_file
-- A file of lines is complete: from now on callers see it, and its inputs can run. Told again, it is the same.
WITH settled AS (
    UPDATE files SET state = 'stored', bytes = %(bytes)s, sha256 = %(sha256)s, lease_until = NULL
    WHERE id = %(id)s AND state = 'uploading'
    RETURNING id, owner, bytes
), trail AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT owner, 'file.create', id, jsonb_build_object('bytes', bytes) FROM settled
), input AS (
    INSERT INTO batch_inputs (
        file_id, number, target, model_group, deployment, account, provider, endpoint, lines, custom_ids, stored_as
    )
    SELECT settled.id, new.*
    FROM settled, unnest(
        %(numbers)s::integer[], %(targets)s::text[], %(model_groups)s::text[], %(deployments)s::text[],
        %(accounts)s::text[], %(providers)s::text[], %(endpoints)s::text[], %(lines)s::integer[],
        %(custom_ids)s::bytea[], %(stored_as)s::text[]
    ) AS new
)
SELECT id FROM settled UNION ALL SELECT id FROM files WHERE id = %(id)s AND state = 'stored';

-- name: keep_lines
-- A chunk of the lines that no provider holds.
INSERT INTO batch_lines (file_id, input, chunk, data) VALUES (%(file_id)s, %(input)s, %(chunk)s, %(data)s);

-- name: lines_of_input
-- The next chunks of an input's lines.
SELECT chunk, data FROM batch_lines
WHERE file_id = %(file_id)s AND input = %(input)s AND chunk > %(after)s
ORDER BY chunk LIMIT %(limit)s;

-- name: inputs_of_file
-- What a file was rewritten to, in order, and whether its lines can still be read.
SELECT i.number, i.target, i.model_group, i.deployment, i.account, i.provider, i.endpoint, i.lines, i.stored_as,
    i.stored_as IS NOT NULL OR EXISTS (
        SELECT FROM batch_lines AS l WHERE l.file_id = i.file_id AND l.input = i.number
    ) AS readable
FROM batch_inputs AS i
WHERE i.file_id = %(file_id)s
ORDER BY i.number;

-- name: create_batch
-- A batch and one part for each of the named inputs, unless the file has just been deleted or the idempotency key is
-- taken.
WITH file AS (
    SELECT id FROM files WHERE id = %(input_file_id)s AND state = 'stored' FOR SHARE
), claim AS (
    INSERT INTO batch_idempotency (owner, key, request, batch_id)
    SELECT %(owner)s, %(idempotency_key)s, %(request)s, %(id)s FROM file WHERE %(idempotency_key)s::text IS NOT NULL
    ON CONFLICT (owner, key) DO NOTHING
    RETURNING batch_id
), batch AS (
    INSERT INTO batches (
        id, owner, team, input_file_id, target, endpoint, completion_window, metadata, output_expires_after,
        expires_at, webhook_url, models, admin
    )
    SELECT %(id)s, %(owner)s, %(team)s, file.id, %(target)s, %(endpoint)s, %(completion_window)s, %(metadata)s,
        %(output_expires_after)s, now() + %(window)s * interval '1 second', %(webhook_url)s,
        %(models)s::text[], %(admin)s
    FROM file WHERE %(idempotency_key)s::text IS NULL OR EXISTS (SELECT FROM claim)
    RETURNING id
), part AS (
    INSERT INTO batch_parts (
        batch_id, number, id, file_id, input, model_group, deployment, account, provider, lines, custom_ids
    )
    SELECT batch.id, new.place - 1, new.part_id, i.file_id, i.number, i.model_group, i.deployment, i.account,
        i.provider, i.lines, i.custom_ids
    FROM batch, unnest(%(numbers)s::integer[], %(part_ids)s::text[]) WITH ORDINALITY AS new (number, part_id, place)
    JOIN batch_inputs AS i ON i.file_id = %(input_file_id)s AND i.number = new.number
), trail AS (
    INSERT INTO audit (actor, action, subject) SELECT %(owner)s, 'batch.create', id FROM batch
)
SELECT id FROM batch;

-- name: batch_of_idempotency_key
-- The batch that an earlier request with this key made, and what that request asked for.
SELECT batch_id, request FROM batch_idempotency WHERE owner = %(owner)s AND key = %(key)s;

-- name: batch_of_caller
-- One batch, if this caller may see it.
SELECT * FROM batch_objects
WHERE id = %(id)s AND (%(admin)s OR owner = %(user_id)s OR team = %(team_id)s);

-- name: list_batches
-- A page of the caller's own and team's batches, newest first, of one status if one is given.
WITH place AS (
    SELECT created_at, id FROM batches WHERE id = %(after)s AND (owner = %(user_id)s OR team = %(team_id)s)
), seen AS NOT MATERIALIZED (
    SELECT b.id, b.created_at, b.owner, b.team FROM batches AS b
    WHERE (%(after)s::text IS NULL OR (b.created_at, b.id) < (SELECT created_at, id FROM place))
        AND (%(status)s::text IS NULL OR %(status)s = CASE
            WHEN b.status NOT IN ('in_progress', 'cancelling') THEN b.status
            WHEN NOT EXISTS (
                SELECT FROM batch_parts AS p
                WHERE p.batch_id = b.id AND p.state NOT IN ('completed', 'failed', 'expired', 'cancelled')
            ) THEN 'finalizing'
            WHEN b.status = 'in_progress' AND b.in_progress_at IS NULL THEN 'validating'
            ELSE b.status
        END)
), mine AS (
    SELECT id, created_at FROM seen WHERE owner = %(user_id)s
    ORDER BY created_at DESC, id DESC LIMIT %(limit)s
), ours AS (
    SELECT id, created_at FROM seen WHERE team = %(team_id)s
    ORDER BY created_at DESC, id DESC LIMIT %(limit)s
), page AS (
    SELECT id, created_at FROM mine UNION SELECT id, created_at FROM ours
    ORDER BY created_at DESC, id DESC LIMIT %(limit)s
)
SELECT b.* FROM page JOIN batch_objects AS b USING (id) ORDER BY page.created_at DESC, page.id DESC;

-- name: cancel_batch
-- Asks for the end of a batch that runs; its parts are told at once. `attempts` of none tells whoever is at a part, and
-- does not know of it yet, to leave the next step to be taken at once. Parts are locked first, as everywhere: whoever counts
-- them has locked them.
WITH part AS MATERIALIZED (
    SELECT number FROM batch_parts WHERE batch_id = %(id)s AND results = 'none' ORDER BY number FOR NO KEY UPDATE
), asked AS (
    UPDATE batches SET status = 'cancelling', cancelling_at = now()
    WHERE id = %(id)s AND status = 'in_progress' AND (SELECT count(*) FROM part) >= 0
    RETURNING id
), trail AS (
    INSERT INTO audit (actor, action, subject) SELECT %(actor)s, 'batch.cancel', id FROM asked
)
UPDATE batch_parts SET attempts = 0, next_attempt_at = now() FROM asked
WHERE batch_parts.batch_id = asked.id AND batch_parts.results = 'none'
RETURNING batch_parts.id;

-- name: running_batches_of
-- The batches that still run from a file.
SELECT id FROM batches WHERE input_file_id = %(file_id)s AND status IN ('in_progress', 'cancelling') ORDER BY id;

-- name: batches_to_settle
-- Batches whose parts have all ended and been counted, with what decides how the batch ended.
SELECT b.id, b.owner, b.team, b.status, array_agg(p.state ORDER BY p.number) AS states,
    sum(p.completed) AS completed, sum(p.failed) AS failed
FROM batches AS b JOIN batch_parts AS p ON p.batch_id = b.id
WHERE b.status IN ('in_progress', 'cancelling') AND (%(id)s::text IS NULL OR b.id = %(id)s)
GROUP BY b.id
HAVING bool_and(p.results <> 'none')
LIMIT %(limit)s;

-- name: settle_batch
-- A batch has ended: its output and error files exist from now on, and whoever waits for it is told.
WITH ended AS (
    UPDATE batches SET
        status = %(status)s,
        ended_at = now(),
        in_progress_at = coalesce(in_progress_at, now()),
        output_file_id = %(output_file_id)s,
        error_file_id = %(error_file_id)s,
        webhook_at = CASE WHEN webhook_url IS NOT NULL THEN now() END
    WHERE id = %(id)s AND status IN ('in_progress', 'cancelling')
    RETURNING *
), size AS (
    SELECT sum(output_bytes) AS output, sum(error_bytes) AS error FROM batch_parts WHERE batch_id = %(id)s
), file AS (
    INSERT INTO files (id, owner, team, filename, purpose, mime_type, state, bytes, batch_id, expires_at)
    SELECT new.id, ended.owner, ended.team, ended.id || new.suffix, 'batch_output', 'application/jsonl', 'stored',
        new.bytes, ended.id, now() + ended.output_expires_after * interval '1 second'
    FROM ended, size, LATERAL (VALUES
        (ended.output_file_id, '_output.jsonl', size.output), (ended.error_file_id, '_error.jsonl', size.error)
    ) AS new (id, suffix, bytes)
    WHERE new.id IS NOT NULL
), done AS (
    DELETE FROM batch_lines USING ended
    WHERE batch_lines.file_id = ended.input_file_id AND ended.error_file_id IS NULL
        AND batch_lines.input IN (SELECT p.input FROM batch_parts AS p WHERE p.batch_id = ended.id)
        AND NOT EXISTS (
            SELECT FROM batches AS other
            WHERE other.input_file_id = ended.input_file_id AND other.id <> ended.id
                AND other.status IN ('in_progress', 'cancelling')
        )
)
SELECT id FROM ended;

-- name: claim_webhook
-- A batch whose end is to be told. The next attempt comes after an exponential back-off, 30 seconds (longer than an
-- attempt takes) to 1 hour.
WITH due AS (
    SELECT id FROM batches WHERE webhook_at <= now() ORDER BY webhook_at LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE batches SET
    webhook_attempts = webhook_attempts + 1,
    webhook_at = now() + least(interval '1 hour', interval '30 seconds' * power(2, least(webhook_attempts, 10)))
        * (0.75 + random() / 2)
FROM due
WHERE batches.id = due.id
RETURNING batches.id, batches.webhook_url, batches.status, batches.webhook_attempts AS attempts,
    floor(extract(epoch FROM batches.ended_at))::bigint AS ended_at;

-- name: end_webhook
-- The end of a batch was told, or nobody wants to hear of it.
UPDATE batches SET webhook_at = NULL WHERE id = %(id)s;

-- name: batch_by_id
-- One batch, whoever asks.
SELECT * FROM batch_objects WHERE id = %(id)s;
