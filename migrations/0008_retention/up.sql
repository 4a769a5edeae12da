-- Removing: how far a timeline was removed, removals under way, and timelines that came from another database.
ALTER TABLE sessions ADD COLUMN first_seq INTEGER NOT NULL DEFAULT 1; -- events.seq of the oldest event that is kept
ALTER TABLE sessions ADD COLUMN purged_cursor INTEGER;                -- events.cursor of the newest event that was removed
ALTER TABLE sessions ADD COLUMN purged_at_ms INTEGER;                 -- when nothing but its id was kept
CREATE INDEX sessions_purged ON sessions (purged_cursor) WHERE purged_cursor IS NOT NULL;

-- What is to be removed of a session, until that is done. Search may know what is gone until then.
CREATE TABLE purges (
    session_no INTEGER PRIMARY KEY NOT NULL,
    purge      TEXT NOT NULL                  -- JSON
) STRICT;

-- Sessions whose timelines were read from an export.
CREATE TABLE imports (
    session_no INTEGER PRIMARY KEY NOT NULL,
    log_id     TEXT NOT NULL,                 -- of the database that it was exported from
    origin     BLOB NOT NULL,                 -- sessions.id there
    copy       INTEGER NOT NULL,              -- more than 0 when it was taken in once more on purpose
    through    INTEGER NOT NULL,              -- events.seq there, up to which it was taken in
    UNIQUE (log_id, origin, copy)
) STRICT;
