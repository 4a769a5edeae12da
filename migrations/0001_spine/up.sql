-- The spine: sessions, principals, messages, deliveries, asks, idempotency, events.
--
-- What is written for every message is append-ordered or clustered by session, so that a commit
-- touches few pages: see docs/adr/0003-the-hot-transaction.md.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE principals (
    no      INTEGER PRIMARY KEY NOT NULL,
    id      BLOB NOT NULL UNIQUE,
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    scopes  TEXT NOT NULL,           -- JSON array
    circles TEXT NOT NULL,           -- JSON array, its own first
    home    BLOB NOT NULL            -- sessions.id
) STRICT;

CREATE TABLE tokens (
    no            INTEGER PRIMARY KEY NOT NULL,
    id            BLOB NOT NULL UNIQUE,
    principal_no  INTEGER NOT NULL REFERENCES principals (no),
    hash          BLOB NOT NULL UNIQUE, -- BLAKE3 of the secret; the secret itself is never stored
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    revoked_at_ms INTEGER
) STRICT;

CREATE TABLE sessions (
    no           INTEGER PRIMARY KEY NOT NULL,
    id           BLOB NOT NULL UNIQUE,
    title        TEXT NOT NULL,
    circle       TEXT NOT NULL,
    roles        TEXT NOT NULL,      -- JSON array
    description  TEXT,
    project      TEXT,
    owner        BLOB NOT NULL,      -- principals.id
    epoch        INTEGER NOT NULL,   -- of the writer lease; grows with every attach
    opened_at_ms INTEGER NOT NULL,
    closed_at_ms INTEGER
) STRICT;

-- Written once, never changed. `body` is the JSON that links get; `hash` is its BLAKE3, checked on every read.
CREATE TABLE messages (
    no         INTEGER PRIMARY KEY NOT NULL,
    id         BLOB NOT NULL UNIQUE,
    kind       INTEGER NOT NULL,
    from_no    INTEGER NOT NULL,     -- sessions.no
    body       TEXT NOT NULL,
    hash       BLOB NOT NULL,
    recipients TEXT NOT NULL         -- JSON array of [sessions.no, seq]
) STRICT;

-- One message in one inbox. The key is what a receiver resumes by, so replay is a range scan.
CREATE TABLE deliveries (
    session_no      INTEGER NOT NULL,
    lane            INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    message_no      INTEGER NOT NULL,
    state           INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,
    accepted_at_ms  INTEGER NOT NULL,
    expires_at_ms   INTEGER NOT NULL,
    delivered_at_ms INTEGER,
    seen_at_ms      INTEGER,
    ended_at_ms     INTEGER,
    epoch           INTEGER,         -- of the writer whose receipt moved it
    reason          TEXT,
    PRIMARY KEY (session_no, lane, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbox_cursors (
    session_no INTEGER NOT NULL,
    lane       INTEGER NOT NULL,
    delivered  INTEGER NOT NULL,
    seen       INTEGER NOT NULL,
    PRIMARY KEY (session_no, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE ask_groups (
    no       INTEGER PRIMARY KEY NOT NULL,
    id       BLOB NOT NULL UNIQUE,
    asker_no INTEGER NOT NULL,
    need_all INTEGER NOT NULL,
    total    INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    closed   INTEGER NOT NULL,
    resolved INTEGER NOT NULL
) STRICT;

CREATE TABLE asks (
    message_no   INTEGER PRIMARY KEY NOT NULL,
    id           BLOB NOT NULL UNIQUE,
    asker_no     INTEGER NOT NULL,
    addressee_no INTEGER NOT NULL,
    seq          INTEGER NOT NULL,   -- its delivery in the addressee's msg lane
    state        INTEGER NOT NULL,
    deadline_ms  INTEGER NOT NULL,
    group_no     INTEGER,
    answer       BLOB,
    closed_at_ms INTEGER
) STRICT;

CREATE INDEX asks_open_by_asker ON asks (asker_no) WHERE state = 0;
CREATE INDEX asks_open_by_addressee ON asks (addressee_no) WHERE state = 0;
CREATE INDEX asks_by_group ON asks (group_no) WHERE group_no IS NOT NULL;

-- What was answered, in the order of answering. Keys point here: they come in any order, and a small row that is put
-- between others costs less than a large one.
CREATE TABLE outcomes (
    no      INTEGER PRIMARY KEY NOT NULL,
    hash    BLOB NOT NULL,           -- BLAKE3 of the command
    outcome TEXT NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency (
    principal_no INTEGER NOT NULL,
    key          TEXT NOT NULL,
    outcome_no   INTEGER NOT NULL REFERENCES outcomes (no),
    PRIMARY KEY (principal_no, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    cursor     INTEGER PRIMARY KEY NOT NULL,
    session_no INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    body       TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_by_session ON events (session_no, seq);
