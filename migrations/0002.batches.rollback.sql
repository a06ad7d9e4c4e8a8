DROP VIEW batch_objects;
DROP VIEW visible_files;
DROP TABLE batch_results;
DROP TABLE batch_runs;
DROP TABLE batch_parts;
DROP TABLE batches;
DROP TABLE batch_lines;
DROP TABLE batch_inputs;
ALTER TABLE files DROP CONSTRAINT files_complete;
UPDATE files SET state = 'deleting' WHERE parent IS NOT NULL OR batch_id IS NOT NULL;
UPDATE copies SET state = 'deleting', next_attempt_at = now()
FROM files WHERE files.id = copies.file_id AND (files.parent IS NOT NULL OR files.batch_id IS NOT NULL);
ALTER TABLE files ADD CONSTRAINT files_check CHECK (state <> 'stored' OR (bytes IS NOT NULL AND sha256 IS NOT NULL));
ALTER TABLE files DROP COLUMN batch_id;
ALTER TABLE files DROP COLUMN parent;
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
