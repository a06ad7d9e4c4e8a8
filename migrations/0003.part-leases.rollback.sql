ALTER TABLE batch_parts DROP COLUMN searched_at;
ALTER TABLE batch_parts DROP COLUMN lease_until;
