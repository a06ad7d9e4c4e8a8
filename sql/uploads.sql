-- name: plan_file
-- Intent first: the file and one copy per account as `uploading`; nothing if the idempotency key is taken.
WITH claim AS (
    INSERT INTO idempotency (owner, key, file_id)
    SELECT %(owner)s, %(idempotency_key)s, %(id)s WHERE %(idempotency_key)s::text IS NOT NULL
    ON CONFLICT (owner, key) DO NOTHING
    RETURNING file_id
), file AS (
    INSERT INTO files (id, parent, owner, team, filename, purpose, mime_type, state, expires_at, lease_until)
    SELECT
        %(id)s, %(parent)s, %(owner)s, %(team)s, %(filename)s, %(purpose)s, %(mime_type)s, 'uploading',
        now() + %(expires_after)s * interval '1 second', now() + %(lease)s * interval '1 second'
    WHERE %(idempotency_key)s::text IS NULL OR EXISTS (SELECT FROM claim)
    RETURNING id
), copy AS (
    INSERT INTO copies (file_id, account, provider, state, remote_id)
    SELECT file.id, planned.account, planned.provider, 'uploading', planned.remote_id
    FROM file, unnest(%(accounts)s::text[], %(providers)s::text[], %(remote_ids)s::text[])
        AS planned (account, provider, remote_id)
)
SELECT id FROM file;

-- name: file_of_idempotency_key
-- The file that an earlier request with this key made or is making, and what that request asked for.
SELECT i.file_id, f.state, f.filename, f.purpose, f.sha256,
    extract(epoch FROM f.expires_at - f.created_at)::bigint AS expires_after,
    ARRAY(SELECT account FROM copies WHERE file_id = f.id ORDER BY account COLLATE "C") AS accounts
FROM idempotency AS i JOIN files AS f ON f.id = i.file_id
WHERE i.owner = %(owner)s AND i.key = %(key)s;

-- name: renew_leases
-- Keeps running uploads from being taken for crashed ones.
UPDATE files SET lease_until = now() + %(lease)s * interval '1 second'
WHERE id = ANY(%(ids)s::text[]) AND state = 'uploading';

-- name: record_copy
-- What the provider answered, at once. A copy that is being deleted stays so, but its remote id is known now. One that
-- was looked for in vain and forgotten, as its upload lost its lease, comes back to be deleted.
WITH noted AS (
    UPDATE copies SET
        remote_id = %(remote_id)s,
        state = CASE WHEN state = 'deleting' THEN state ELSE %(state)s END,
        expires_at = to_timestamp(%(expires_at)s::bigint),
        look_at = CASE WHEN %(look_for_twin)s THEN now() + interval '1 minute' END,
        next_attempt_at = CASE
            WHEN state = 'deleting' OR %(state)s = 'processing' THEN now()
            WHEN %(look_for_twin)s THEN now() + interval '1 minute'
        END
    WHERE file_id = %(file_id)s AND account = %(account)s
    RETURNING state
), file AS (
    INSERT INTO files (id, owner, filename, purpose, mime_type, state)
    SELECT %(file_id)s, '', '', '', '', 'deleting' WHERE NOT EXISTS (SELECT FROM noted)
    ON CONFLICT (id) DO UPDATE SET state = files.state
), leftover AS (
    INSERT INTO copies (file_id, account, provider, state, remote_id, next_attempt_at)
    SELECT %(file_id)s, %(account)s, %(provider)s, 'deleting', %(remote_id)s, now()
    WHERE NOT EXISTS (SELECT FROM noted)
    RETURNING state
)
SELECT state FROM noted UNION ALL SELECT state FROM leftover;

-- name: settle_file
-- The upload is complete: from now on callers see the file. Told again, it is the same.
WITH settled AS (
    UPDATE files SET state = 'stored', bytes = %(bytes)s, sha256 = %(sha256)s, lease_until = NULL
    WHERE id = %(id)s AND state = 'uploading'
    RETURNING id, parent, owner, bytes
), trail AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT owner, 'file.create', id, jsonb_build_object('bytes', bytes) FROM settled WHERE parent IS NULL
)
SELECT id FROM settled UNION ALL SELECT id FROM files WHERE id = %(id)s AND state = 'stored';

-- name: abandon_file
-- An upload that will not finish, or did so without anybody hearing of it: its copies wait for deletion. `grace` seconds
-- are left to the caller of this.
WITH abandoned AS (
    UPDATE files SET state = 'deleting', lease_until = NULL
    WHERE (id = %(id)s OR parent = %(id)s) AND state IN ('uploading', 'stored')
    RETURNING id, created_at
), claim AS (
    DELETE FROM idempotency USING abandoned WHERE idempotency.file_id = abandoned.id
)
UPDATE copies SET state = 'deleting', next_attempt_at = now() + %(grace)s * interval '1 second'
FROM abandoned
WHERE copies.file_id = abandoned.id
RETURNING copies.file_id, copies.account, copies.provider, copies.state, copies.remote_id,
    floor(extract(epoch FROM abandoned.created_at))::bigint AS since, copies.look_at IS NOT NULL AS twin;
