-- The unified-to-provider id table, the API keys, and what was done with both.
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE api_keys (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    key_name text NOT NULL,
    key_alias text,
    user_id text NOT NULL,
    team_id text,
    models text[] NOT NULL DEFAULT '{}',
    admin boolean NOT NULL DEFAULT false,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);

CREATE TABLE files (
    id text PRIMARY KEY,
    owner text NOT NULL,
    team text,
    filename text NOT NULL,
    purpose text NOT NULL,
    mime_type text NOT NULL,
    state text NOT NULL CHECK (state IN ('uploading', 'stored', 'deleting')),
    bytes bigint,
    sha256 bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    lease_until timestamptz,
    CHECK (state <> 'stored' OR (bytes IS NOT NULL AND sha256 IS NOT NULL)),
    CHECK (state <> 'uploading' OR lease_until IS NOT NULL)
);
CREATE INDEX files_of_owner ON files (owner, created_at DESC, id DESC) WHERE state = 'stored';
CREATE INDEX files_of_owner_by_purpose ON files (owner, purpose, created_at DESC, id DESC) WHERE state = 'stored';
CREATE INDEX files_of_team ON files (team, created_at DESC, id DESC) WHERE state = 'stored' AND team IS NOT NULL;
CREATE INDEX files_of_team_by_purpose ON files (team, purpose, created_at DESC, id DESC)
    WHERE state = 'stored' AND team IS NOT NULL;
CREATE INDEX files_leased ON files (lease_until) WHERE state = 'uploading';
CREATE INDEX files_expiring ON files (expires_at) WHERE state = 'stored' AND expires_at IS NOT NULL;
CREATE INDEX files_deleting ON files (id) WHERE state = 'deleting';

-- No cascade: a file's row cannot go while a provider may still hold a copy.
CREATE TABLE copies (
    file_id text NOT NULL REFERENCES files (id),
    account text NOT NULL,
    provider text NOT NULL,
    state text NOT NULL CHECK (state IN ('uploading', 'processing', 'ready', 'failed', 'deleting')),
    remote_id text,
    expires_at timestamptz,
    error text,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    PRIMARY KEY (file_id, account),
    CHECK (state NOT IN ('processing', 'ready') OR remote_id IS NOT NULL)
);
CREATE INDEX copies_waiting ON copies (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

CREATE TABLE idempotency (
    owner text NOT NULL,
    key text NOT NULL,
    file_id text NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_of_file ON idempotency (file_id);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_of_subject ON audit (subject, at);

-- What a caller may see: complete and not expired. Times in Unix seconds, the copies as one JSON array.
CREATE VIEW visible_files AS
SELECT
    f.id,
    f.owner,
    f.team,
    f.filename,
    f.purpose,
    f.mime_type,
    f.bytes,
    f.created_at AS stored_at,
    floor(extract(epoch FROM f.created_at))::bigint AS created_at,
    floor(extract(epoch FROM f.expires_at))::bigint AS expires_at,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'account', c.account,
            'provider', c.provider,
            'state', c.state,
            'remote_id', c.remote_id,
            'expires_at', floor(extract(epoch FROM c.expires_at)),
            'error', c.error
        ) ORDER BY c.account), '[]')
        FROM copies AS c
        WHERE c.file_id = f.id
    ) AS copies
FROM files AS f
WHERE f.state = 'stored' AND (f.expires_at IS NULL OR f.expires_at > now());

-- Where a file stands in a list, also after it is gone: a client may delete what it lists, page by page.
CREATE VIEW file_places AS
SELECT id, owner, team, created_at FROM files
UNION ALL
SELECT subject, detail ->> 'owner', detail ->> 'team', (detail ->> 'created_at')::timestamptz
FROM audit
WHERE action IN ('file.delete', 'file.expire');
