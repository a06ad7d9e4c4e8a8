-- Batches: what a file of lines was rewritten to, the batches that run from it, and their parts at the providers.
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '60s';

-- A child is what one provider was given of its parent. It is nobody's to see, and goes when the parent goes.
ALTER TABLE files ADD COLUMN parent text;
-- The batch that writes this file: its content is merged from the providers' results when it is asked for.
ALTER TABLE files ADD COLUMN batch_id text;
-- The next constraint takes the place of this one.
-- squawk-ignore ban-drop-constraint
ALTER TABLE files DROP CONSTRAINT files_check;
-- Not validated: what is there has met a stricter one.
ALTER TABLE files ADD CONSTRAINT files_complete
    CHECK (state <> 'stored' OR (bytes IS NOT NULL AND (sha256 IS NOT NULL OR batch_id IS NOT NULL))) NOT VALID;
-- Both columns are new and both indexes empty: to make them is one look through the table.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX files_of_parent ON files (parent) WHERE parent IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX files_of_batch ON files (batch_id) WHERE batch_id IS NOT NULL;

-- Lines of one file for one deployment, at most as many as one job takes. `target`: the model group that the whole
-- file was rewritten for, NULL if each line chose by itself. `custom_ids`: what the keys stand for, packed.
CREATE TABLE batch_inputs (
    file_id text NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    number integer NOT NULL,
    target text,
    model_group text NOT NULL,
    deployment text NOT NULL,
    account text NOT NULL,
    provider text NOT NULL,
    endpoint text NOT NULL,
    lines integer NOT NULL,
    custom_ids bytea NOT NULL,
    stored_as text,
    PRIMARY KEY (file_id, number)
);

-- The lines of inputs that no provider holds: the only content that the gateway keeps, and not for long.
CREATE TABLE batch_lines (
    file_id text NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    input integer NOT NULL,
    chunk integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (file_id, input, chunk)
);

CREATE TABLE batches (
    id text PRIMARY KEY,
    owner text NOT NULL,
    team text,
    input_file_id text NOT NULL,
    target text,
    endpoint text NOT NULL,
    completion_window text NOT NULL,
    metadata jsonb,
    output_expires_after integer,
    status text NOT NULL DEFAULT 'in_progress'
        CHECK (status IN ('in_progress', 'cancelling', 'completed', 'failed', 'expired', 'cancelled')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    in_progress_at timestamptz,
    cancelling_at timestamptz,
    ended_at timestamptz,
    output_file_id text,
    error_file_id text,
    webhook_url text,
    webhook_attempts integer NOT NULL DEFAULT 0,
    webhook_at timestamptz
);
CREATE INDEX batches_of_owner ON batches (owner, created_at DESC, id DESC);
CREATE INDEX batches_of_team ON batches (team, created_at DESC, id DESC) WHERE team IS NOT NULL;
CREATE INDEX batches_running ON batches (id) WHERE status IN ('in_progress', 'cancelling');
CREATE INDEX batches_of_input ON batches (input_file_id);
CREATE INDEX batches_to_tell ON batches (webhook_at) WHERE webhook_at IS NOT NULL;

-- One provider's share of a batch. `waiting`: its job is not made yet, or nobody has heard of it if `unsure`. Results are `none` until they are counted, then
-- `kept` at the provider, `deleting` and `gone`.
CREATE TABLE batch_parts (
    batch_id text NOT NULL REFERENCES batches (id),
    number integer NOT NULL,
    id text NOT NULL UNIQUE,
    file_id text NOT NULL,
    input integer NOT NULL,
    model_group text NOT NULL,
    deployment text NOT NULL,
    account text NOT NULL,
    provider text NOT NULL,
    lines integer NOT NULL,
    custom_ids bytea NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN (
        'waiting', 'validating', 'in_progress', 'finalizing', 'cancelling', 'completed', 'failed', 'expired', 'cancelled'
    )),
    results text NOT NULL DEFAULT 'none' CHECK (results IN ('none', 'kept', 'deleting', 'gone')),
    unsure boolean NOT NULL DEFAULT false,
    job_id text,
    outputs text[] NOT NULL DEFAULT '{}',
    completed integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    output_bytes bigint NOT NULL DEFAULT 0,
    error_bytes bigint NOT NULL DEFAULT 0,
    usage jsonb,
    error text,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz DEFAULT now(),
    polled_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (batch_id, number)
);
CREATE INDEX batch_parts_due ON batch_parts (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- Chunks of lines that the gateway runs itself, until they are done.
CREATE TABLE batch_runs (
    batch_id text NOT NULL,
    number integer NOT NULL,
    chunk integer NOT NULL,
    account text NOT NULL,
    lease_until timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (batch_id, number, chunk),
    FOREIGN KEY (batch_id, number) REFERENCES batch_parts (batch_id, number) ON DELETE CASCADE
);
CREATE INDEX batch_runs_free ON batch_runs (account, lease_until);

-- What came of such lines, each written down before the next one of its chunk begins.
CREATE TABLE batch_results (
    batch_id text NOT NULL,
    number integer NOT NULL,
    chunk integer NOT NULL,
    key text NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (batch_id, number, chunk, key),
    FOREIGN KEY (batch_id, number) REFERENCES batch_parts (batch_id, number) ON DELETE CASCADE
);

CREATE OR REPLACE VIEW visible_files AS
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
    ) AS copies,
    f.batch_id
FROM files AS f
WHERE f.state = 'stored' AND f.parent IS NULL AND (f.expires_at IS NULL OR f.expires_at > now());

-- A batch as its callers see it, counts and usage summed over its parts. Times in Unix seconds.
CREATE VIEW batch_objects AS
SELECT
    b.id,
    b.owner,
    b.team,
    b.input_file_id,
    b.target,
    b.endpoint,
    b.completion_window,
    b.metadata,
    b.output_expires_after,
    b.webhook_url,
    b.status,
    b.created_at AS placed_at,
    floor(extract(epoch FROM b.created_at))::bigint AS created_at,
    floor(extract(epoch FROM b.expires_at))::bigint AS expires_at,
    floor(extract(epoch FROM b.in_progress_at))::bigint AS in_progress_at,
    floor(extract(epoch FROM b.cancelling_at))::bigint AS cancelling_at,
    floor(extract(epoch FROM b.ended_at))::bigint AS ended_at,
    floor(extract(epoch FROM p.last_end))::bigint AS finalizing_at,
    b.output_file_id,
    b.error_file_id,
    p.states,
    p.collected,
    p.total,
    p.completed,
    p.failed,
    p.usage,
    p.parts
FROM batches AS b
CROSS JOIN LATERAL (
    SELECT
        array_agg(DISTINCT q.state) AS states,
        bool_and(q.results <> 'none') AS collected,
        max(q.ended_at) FILTER (WHERE q.results <> 'none') AS last_end,
        sum(q.lines) AS total,
        sum(q.completed) AS completed,
        sum(q.failed) AS failed,
        jsonb_agg(q.usage) FILTER (WHERE q.usage IS NOT NULL) AS usage,
        jsonb_agg(jsonb_build_object(
            'model_group', q.model_group, 'account', q.account, 'provider', q.provider, 'state', q.state,
            'lines', q.lines, 'completed', q.completed, 'failed', q.failed, 'error', q.error
        ) ORDER BY q.number) AS parts
    FROM batch_parts AS q
    WHERE q.batch_id = b.id
) AS p;
