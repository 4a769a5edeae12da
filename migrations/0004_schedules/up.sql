-- Schedules: commands that are given again later, and what became of each instant.
CREATE TABLE schedules (
    no            INTEGER PRIMARY KEY NOT NULL,
    id            BLOB NOT NULL UNIQUE,
    session_no    INTEGER NOT NULL,  -- sessions.no; whose it is
    principal     BLOB NOT NULL,     -- principals.id; on whose behalf the command is given
    title         TEXT,
    command       TEXT NOT NULL,     -- JSON
    plan          TEXT NOT NULL,     -- JSON: instants, limits and policies
    created_at_ms INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    reason        TEXT,
    last_ms       INTEGER NOT NULL,  -- the newest instant that was dealt with; at first its creation
    next_ms       INTEGER,           -- the instant after it
    held_ms       INTEGER,           -- one that is held back until an ask is closed
    due_ms        INTEGER,           -- when the daemon has to look at it
    waits_for     BLOB,              -- messages.id of the newest ask that it has opened
    runs          INTEGER NOT NULL,
    skipped       INTEGER NOT NULL,
    zone_data     TEXT NOT NULL      -- the version of the time zone data by which next_ms was found
) STRICT;

CREATE INDEX schedules_due ON schedules (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX schedules_by_session ON schedules (session_no, state);
CREATE INDEX schedules_held ON schedules (waits_for) WHERE held_ms IS NOT NULL;

-- The key is what makes a second run of one instant impossible.
CREATE TABLE schedule_runs (
    schedule_no INTEGER NOT NULL,
    nominal_ms  INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    by_hand     INTEGER NOT NULL,
    outcome     TEXT NOT NULL,       -- JSON
    PRIMARY KEY (schedule_no, nominal_ms)
) STRICT, WITHOUT ROWID;
