-- name: file_of_caller
-- One file, if this caller may see it.
SELECT * FROM visible_files
WHERE id = %(id)s AND (%(admin)s OR owner = %(user_id)s OR team = %(team_id)s);

-- name: caller_and_files
-- The caller behind a key, and of the named files those that this caller may use. No row: no such caller.
-- One JSON value, as libpq hands it over: taking rows and columns apart costs a chat more than reading this does.
-- The LIMIT cuts nothing: without it PostgreSQL expects ten ids, thinks a plan for any ids too dear, and plans anew for
-- every chat request, which takes three times as long as the answer.
WITH caller AS (
    SELECT user_id, team_id, models, admin
    FROM api_keys
    WHERE digest = %(digest)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    UNION ALL
    SELECT %(master_user)s, NULL, '{}', true WHERE %(master_user)s::text IS NOT NULL
), wanted AS (
    SELECT string_to_array(%(ids)s, ',') AS ids
)
SELECT json_build_object(
    'user_id', caller.user_id, 'team_id', caller.team_id, 'models', caller.models, 'admin', caller.admin,
    'files', (
        SELECT coalesce(json_object_agg(f.id, json_build_object('mime_type', f.mime_type, 'copies', f.copies)), '{}')
        FROM visible_files AS f
        WHERE f.id IN (SELECT id FROM unnest(wanted.ids) AS w (id) LIMIT cardinality(wanted.ids))
            AND (caller.admin OR f.owner = caller.user_id OR f.team = caller.team_id)
    )
) AS found
FROM caller, wanted
LIMIT 1;

-- name: files_of_caller
-- Of the named files those that a known caller may use, with their copies.
SELECT id, mime_type, copies FROM visible_files
WHERE id = ANY(%(ids)s::text[]) AND (%(admin)s OR owner = %(user_id)s OR team = %(team_id)s);

-- name: copies_of_child
-- Where a child is stored.
SELECT c.file_id, c.account, c.provider, c.state, c.remote_id,
    floor(extract(epoch FROM f.created_at))::bigint AS since, c.look_at IS NOT NULL AS twin
FROM copies AS c JOIN files AS f ON f.id = c.file_id
WHERE c.file_id = %(id)s AND f.state = 'stored';

-- name: list_files_desc
-- A page of the caller's own and team's files, newest first. `after` may have been deleted since.
-- Two lists of ids first, each of which an index has in order; a file that is in both is found once.
-- The limit is hidden in a SELECT so that PostgreSQL expects the same of a plan for this page as of a plan for any, and
-- keeps the latter. With many files it would otherwise plan every page anew, which takes longer than to read it.
WITH place AS (
    SELECT created_at FROM file_places
    WHERE id = %(after)s AND (owner = %(user_id)s OR team = %(team_id)s)
    LIMIT 1
), cursor AS (
    SELECT CASE WHEN %(after)s::text IS NULL THEN 'infinity' ELSE (SELECT created_at FROM place) END AS stored_at
)
SELECT *
FROM visible_files
WHERE id = ANY (
    ARRAY(
        SELECT id FROM visible_files
        WHERE owner = %(user_id)s
            AND (stored_at, id) < ((SELECT stored_at FROM cursor), coalesce(%(after)s::text, ''))
        ORDER BY stored_at DESC, id DESC LIMIT (SELECT %(limit)s::integer)
    ) || ARRAY(
        SELECT id FROM visible_files
        WHERE team = %(team_id)s
            AND (stored_at, id) < ((SELECT stored_at FROM cursor), coalesce(%(after)s::text, ''))
        ORDER BY stored_at DESC, id DESC LIMIT (SELECT %(limit)s::integer)
    )
)
ORDER BY stored_at DESC, id DESC LIMIT (SELECT %(limit)s::integer);

-- name: list_files_asc
-- A page of the caller's own and team's files, oldest first. `after` may have been deleted since.
WITH place AS (
    SELECT created_at FROM file_places
    WHERE id = %(after)s AND (owner = %(user_id)s OR team = %(team_id)s)
    LIMIT 1
), cursor AS (
    SELECT CASE WHEN %(after)s::text IS NULL THEN '-infinity' ELSE (SELECT created_at FROM place) END AS stored_at
)
SELECT *
FROM visible_files
WHERE id = ANY (
    ARRAY(
        SELECT id FROM visible_files
        WHERE owner = %(user_id)s
            AND (stored_at, id) > ((SELECT stored_at FROM cursor), coalesce(%(after)s::text, ''))
        ORDER BY stored_at, id LIMIT (SELECT %(limit)s::integer)
    ) || ARRAY(
        SELECT id FROM visible_files
        WHERE team = %(team_id)s
            AND (stored_at, id) > ((SELECT stored_at FROM cursor), coalesce(%(after)s::text, ''))
        ORDER BY stored_at, id LIMIT (SELECT %(limit)s::integer)
    )
)
ORDER BY stored_at, id LIMIT (SELECT %(limit)s::integer);

-- name: list_files_of_purpose_desc
-- A page of the caller's own and team's files, of one purpose, newest first. `after` may have been deleted since.
WITH place AS (
    SELECT created_at FROM file_places
    WHERE id = %(after)s AND (owner = %(user_id)s OR team = %(team_id)s)
    LIMIT 1
), cursor AS (
    SELECT CASE WHEN %(after)s::text IS NULL THEN 'infinity' ELSE (SELECT created_at FROM place) END AS stored_at
)
SELECT *
FROM visible_files
WHERE id = ANY (
    ARRAY(
        SELECT id FROM visible_files
        WHERE owner = %(user_id)s
            AND purpose = %(purpose)s
            AND (stored_at, id) < ((SELECT stored_at FROM cursor), coalesce(%(after)s::text, ''))
        ORDER BY stored_at DESC, id DESC LIMIT (SELECT %(limit)s::integer)
    ) || ARRAY(
        SELECT id FROM visible_files
        WHERE team = %(team_id)s
            AND purpose = %(purpose)s
            AND (stored_at, id) < ((SELECT stored_at FROM cursor), coalesce(%(after)s::text, ''))
        ORDER BY stored_at DESC, id DESC LIMIT (SELECT %(limit)s::integer)
    )
)
ORDER BY stored_at DESC, id DESC LIMIT (SELECT %(limit)s::integer);

-- name: list_files_of_purpose_asc
-- A page of the caller's own and team's files, of one purpose, oldest first. `after` may have been deleted since.
WITH place AS (
    SELECT created_at FROM file_places
    WHERE id = %(after)s AND (owner = %(user_id)s OR team = %(team_id)s)
    LIMIT 1
), cursor AS (
    SELECT CASE WHEN %(after)s::text IS NULL THEN '-infinity' ELSE (SELECT created_at FROM place) END AS stored_at
)
SELECT *
FROM visible_files
WHERE id = ANY (
    ARRAY(
        SELECT id FROM visible_files
        WHERE owner = %(user_id)s
            AND purpose = %(purpose)s
            AND (stored_at, id) > ((SELECT stored_at FROM cursor), coalesce(%(after)s::text, ''))
        ORDER BY stored_at, id LIMIT (SELECT %(limit)s::integer)
    ) || ARRAY(
        SELECT id FROM visible_files
        WHERE team = %(team_id)s
            AND purpose = %(purpose)s
            AND (stored_at, id) > ((SELECT stored_at FROM cursor), coalesce(%(after)s::text, ''))
        ORDER BY stored_at, id LIMIT (SELECT %(limit)s::integer)
    )
)
ORDER BY stored_at, id LIMIT (SELECT %(limit)s::integer);

-- name: begin_delete
-- Takes the file from every caller's sight; its copies wait for deletion, `grace` seconds left to this request. Locked
-- before its children, as by what expires it.
WITH file AS (
    SELECT id FROM files WHERE id = %(id)s AND state = 'stored' FOR UPDATE
), doomed AS (
    SELECT id FROM file UNION SELECT files.id FROM files JOIN file ON files.parent = file.id
), deleted AS (
    UPDATE files SET state = 'deleting' FROM doomed WHERE files.id = doomed.id AND files.state = 'stored'
    RETURNING files.id, files.owner, files.team, files.created_at, files.parent
), claim AS (
    DELETE FROM idempotency USING deleted WHERE idempotency.file_id = deleted.id
), trail AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT %(actor)s, 'file.delete', id, jsonb_build_object('owner', owner, 'team', team, 'created_at', created_at)
    FROM deleted WHERE parent IS NULL
)
UPDATE copies SET state = 'deleting', attempts = 0, next_attempt_at = now() + %(grace)s * interval '1 second'
FROM deleted
WHERE copies.file_id = deleted.id
RETURNING copies.file_id, copies.account, copies.provider, copies.state, copies.remote_id,
    floor(extract(epoch FROM deleted.created_at))::bigint AS since, copies.look_at IS NOT NULL AS twin;
