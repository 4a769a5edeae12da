-- What sessions that work side by side tell each other without words: when one is at rest, and which files each works on.

-- Who is told when a session's agent program has come to rest. A row goes with its notice.
CREATE TABLE idle_watches (
    session_no INTEGER NOT NULL REFERENCES sessions (no),    -- whose program
    watcher_no INTEGER NOT NULL REFERENCES sessions (no),    -- who is told
    until_ms   INTEGER NOT NULL,
    PRIMARY KEY (session_no, watcher_no)
) STRICT, WITHOUT ROWID;

-- Files that a session has said it is about to change. Advisory.
CREATE TABLE file_leases (
    path       TEXT NOT NULL,                                -- absolute; a folder ends with /
    session_no INTEGER NOT NULL REFERENCES sessions (no),
    since_ms   INTEGER NOT NULL,
    until_ms   INTEGER NOT NULL,
    note       TEXT,
    PRIMARY KEY (path, session_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_leases_by_session ON file_leases (session_no);
CREATE INDEX file_leases_by_end ON file_leases (until_ms);

-- Which files were changed lately, by the newest report of each session. Forgotten after 30 minutes.
CREATE TABLE file_changes (
    path       TEXT NOT NULL,
    session_no INTEGER NOT NULL REFERENCES sessions (no),
    at_ms      INTEGER NOT NULL,
    PRIMARY KEY (path, session_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_changes_by_time ON file_changes (at_ms);

-- Collisions that both sides were told of. Forgotten after 30 minutes, and told again then.
CREATE TABLE file_collisions (
    path     TEXT NOT NULL,
    one_no   INTEGER NOT NULL REFERENCES sessions (no),      -- the smaller number of both
    other_no INTEGER NOT NULL REFERENCES sessions (no),
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (path, one_no, other_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_collisions_by_time ON file_collisions (at_ms);
