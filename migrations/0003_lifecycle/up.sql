-- Sessions as people sort them: labels, pins, the archive, forks; and what their agents are at.

ALTER TABLE sessions ADD COLUMN labels TEXT NOT NULL DEFAULT '[]'; -- JSON array
ALTER TABLE sessions ADD COLUMN is_pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN archived_at_ms INTEGER;
ALTER TABLE sessions ADD COLUMN parent BLOB;                       -- sessions.id
ALTER TABLE sessions ADD COLUMN parent_seq INTEGER;

-- What is being said, piece by piece, until it is complete and becomes an event.
CREATE TABLE drafts (
    session_no INTEGER PRIMARY KEY NOT NULL,
    draft      TEXT NOT NULL                                       -- JSON
) STRICT;

-- Folded from the events of the session, in the transaction that writes them.
CREATE TABLE session_progress (
    session_no INTEGER PRIMARY KEY NOT NULL,
    progress   TEXT NOT NULL                                       -- JSON
) STRICT;
