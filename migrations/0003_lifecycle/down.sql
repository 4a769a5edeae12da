DROP TABLE session_progress;
DROP TABLE drafts;
ALTER TABLE sessions DROP COLUMN parent_seq;
ALTER TABLE sessions DROP COLUMN parent;
ALTER TABLE sessions DROP COLUMN archived_at_ms;
ALTER TABLE sessions DROP COLUMN is_pinned;
ALTER TABLE sessions DROP COLUMN labels;
