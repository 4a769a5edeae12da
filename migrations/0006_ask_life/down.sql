DROP INDEX sessions_by_parent;
ALTER TABLE sessions DROP COLUMN budget;
DROP TABLE replies;
DROP TABLE escalations;
DROP INDEX asks_by_parent;
ALTER TABLE asks DROP COLUMN parent_no;
ALTER TABLE asks DROP COLUMN reminded;
ALTER TABLE asks DROP COLUMN remind_at_ms;
ALTER TABLE ask_groups DROP COLUMN need;
