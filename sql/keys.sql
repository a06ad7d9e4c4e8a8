-- name: find_caller
-- The caller behind a key's SHA-256, unless it is revoked or expired.
SELECT user_id, team_id, models, admin
FROM api_keys
WHERE digest = %(digest)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());

-- name: create_key
-- Stores a new key's record and says so in the audit trail.
WITH new_key AS (
    INSERT INTO api_keys (digest, key_name, key_alias, user_id, team_id, models, admin, metadata, expires_at)
    VALUES (
        %(digest)s, %(key_name)s, %(key_alias)s, %(user_id)s, %(team_id)s, %(models)s, %(admin)s, %(metadata)s,
        now() + %(seconds)s * interval '1 second'
    )
    RETURNING *
), trail AS (
    INSERT INTO audit (actor, action, subject, detail)
    SELECT %(actor)s, 'key.create', encode(digest, 'hex'), jsonb_build_object('user_id', user_id) FROM new_key
)
SELECT encode(digest, 'hex') AS token, key_name, key_alias, user_id, team_id, models, admin, metadata,
    created_at, expires_at, revoked_at
FROM new_key;

-- name: list_keys
-- Every key's record, newest first; of one user if a user is given, one key if a digest is given.
SELECT encode(digest, 'hex') AS token, key_name, key_alias, user_id, team_id, models, admin, metadata,
    created_at, expires_at, revoked_at
FROM api_keys
WHERE (%(user_id)s::text IS NULL OR user_id = %(user_id)s) AND (%(digest)s::bytea IS NULL OR digest = %(digest)s)
ORDER BY created_at DESC, digest
LIMIT %(limit)s OFFSET %(offset)s;

-- name: revoke_keys
-- Revokes keys by digest or alias and returns the tokens of those that were alive.
WITH revoked AS (
    UPDATE api_keys SET revoked_at = now()
    WHERE revoked_at IS NULL AND (digest = ANY(%(digests)s::bytea[]) OR key_alias = ANY(%(aliases)s::text[]))
    RETURNING encode(digest, 'hex') AS token
), trail AS (
    INSERT INTO audit (actor, action, subject) SELECT %(actor)s, 'key.revoke', token FROM revoked
)
SELECT token FROM revoked;
