DROP TABLE imports;
DROP TABLE purges;
DROP INDEX sessions_purged;
ALTER TABLE sessions DROP COLUMN purged_at_ms;
ALTER TABLE sessions DROP COLUMN purged_cursor;
ALTER TABLE sessions DROP COLUMN first_seq;
