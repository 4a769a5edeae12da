-- The sessions whose agent programs the mesh has started.

CREATE TABLE spawns (
    session_no INTEGER PRIMARY KEY REFERENCES sessions (no),
    by_id      BLOB NOT NULL,                                -- principals.id: who asked for it
    at_ms      INTEGER NOT NULL,
    depth      INTEGER NOT NULL,                             -- 1 for what a person spawns, or an agent that nobody spawned
    profile    TEXT NOT NULL,
    request    BLOB,                                         -- messages.id: the order that is under way
    asker_no   INTEGER NOT NULL REFERENCES sessions (no)     -- who is told when it fails
) STRICT;
CREATE INDEX spawns_by_principal ON spawns (by_id, at_ms);
CREATE INDEX spawns_by_request ON spawns (request) WHERE request IS NOT NULL;
