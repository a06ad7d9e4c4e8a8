DROP TABLE batch_idempotency;
