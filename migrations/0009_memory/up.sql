-- The memory of sessions: texts, what was in force after each event about it, and proposed changes.
CREATE TABLE memory_contents (
    hash TEXT PRIMARY KEY NOT NULL,   -- BLAKE3, in hexadecimal
    text TEXT NOT NULL
) STRICT;

CREATE TABLE memory_changes (
    session_no INTEGER NOT NULL,      -- sessions.no
    seq        INTEGER NOT NULL,      -- events.seq
    memory     TEXT NOT NULL,         -- JSON: what is in force from that event on
    PRIMARY KEY (session_no, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE memory_proposals (
    no             INTEGER PRIMARY KEY NOT NULL,
    id             BLOB NOT NULL UNIQUE,
    session_no     INTEGER NOT NULL,  -- sessions.no; whose memory
    from_no        INTEGER NOT NULL,  -- sessions.no; who is told what became of it
    author         BLOB NOT NULL,     -- principals.id
    path           TEXT NOT NULL,
    base           TEXT,              -- the hash of the file that it changes
    change         TEXT,              -- JSON: the file as it would be; NULL when it is to go
    diff           TEXT NOT NULL,
    reason         TEXT NOT NULL,
    seq            INTEGER NOT NULL,  -- events.seq
    proposed_at_ms INTEGER NOT NULL,
    state          INTEGER NOT NULL,
    decided_by     BLOB,
    decided_at_ms  INTEGER
) STRICT;

CREATE INDEX memory_proposals_open ON memory_proposals (session_no) WHERE state = 0;
