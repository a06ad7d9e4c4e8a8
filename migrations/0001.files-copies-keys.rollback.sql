DROP VIEW file_places;
DROP VIEW visible_files;
DROP TABLE audit;
DROP TABLE idempotency;
DROP TABLE copies;
DROP TABLE files;
DROP TABLE api_keys;
