-- A batch that is asked for twice under one Idempotency-Key is made once. `request`: a digest of what was asked for.
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE batch_idempotency (
    owner text NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    batch_id text NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    PRIMARY KEY (owner, key)
);
CREATE INDEX batch_idempotency_of_batch ON batch_idempotency (batch_id);
