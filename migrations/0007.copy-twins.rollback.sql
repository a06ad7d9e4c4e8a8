ALTER TABLE copies DROP COLUMN look_at;
