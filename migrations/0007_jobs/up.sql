-- Jobs: pieces of work, who has each on lease, and what came of it.
CREATE TABLE jobs (
    no             INTEGER PRIMARY KEY NOT NULL,
    id             BLOB NOT NULL UNIQUE,
    session_no     INTEGER,           -- sessions.no; whose work it is; NULL until a session was opened for it
    from_no        INTEGER NOT NULL,  -- sessions.no; who is told how it ended
    principal      BLOB NOT NULL,     -- principals.id; who gave it
    title          TEXT NOT NULL,
    input          TEXT NOT NULL,
    executor       TEXT,              -- JSON: the session that is opened for it
    retry          TEXT NOT NULL,     -- JSON: how often it is tried
    span_ms        INTEGER,           -- how long there was time for it
    created_at_ms  INTEGER NOT NULL,
    state          INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    lease          INTEGER NOT NULL,  -- grows with each lease, and never goes back
    worker         BLOB,              -- principals.id; who has the newest lease
    leased_until_ms INTEGER,
    ready_at_ms    INTEGER NOT NULL,
    deadline_ms    INTEGER,
    due_ms         INTEGER,           -- when the daemon has to look at it
    notified       BLOB,              -- messages.id; what the session was told first
    result         TEXT,
    json           TEXT,
    reason         TEXT,
    ended_at_ms    INTEGER
) STRICT;

CREATE INDEX jobs_due ON jobs (from_no, due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX jobs_by_session ON jobs (session_no, state);
CREATE INDEX jobs_by_giver ON jobs (from_no, state);
CREATE INDEX jobs_for_anyone ON jobs (state, no) WHERE executor IS NOT NULL;

-- Which jobs have to be done before which.
CREATE TABLE job_needs (
    job_no   INTEGER NOT NULL,
    needs_no INTEGER NOT NULL,
    PRIMARY KEY (job_no, needs_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_needs_by_need ON job_needs (needs_no);
