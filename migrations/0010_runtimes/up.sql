-- The agent programs that run sessions, as their hooks report them.

CREATE TABLE runtimes (
    session_no INTEGER PRIMARY KEY REFERENCES sessions (no),
    pid        INTEGER,                                      -- with started: one process
    started    INTEGER,
    request    BLOB,                                         -- messages.id: the wake that is under way
    due_ms     INTEGER,                                      -- when to look after a wake again
    runtime    TEXT NOT NULL                                 -- JSON: model::runtime::Runtime
) STRICT;
CREATE INDEX runtimes_by_process ON runtimes (pid) WHERE pid IS NOT NULL;
CREATE INDEX runtimes_by_request ON runtimes (request) WHERE request IS NOT NULL;

-- Which session an agent program's own session belongs to; kept when another takes its place, so that it can be resumed.
CREATE TABLE runtime_sessions (
    agent      TEXT NOT NULL,
    native     TEXT NOT NULL,
    owner      BLOB NOT NULL,                                -- principals.id: who reported it
    session_no INTEGER NOT NULL REFERENCES sessions (no),
    PRIMARY KEY (agent, native, owner)
) STRICT, WITHOUT ROWID;
