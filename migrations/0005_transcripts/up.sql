-- What was taken in of the transcripts of agent programs.

CREATE TABLE transcripts (
    no         INTEGER PRIMARY KEY NOT NULL,
    vendor     TEXT NOT NULL,
    native     TEXT NOT NULL,                 -- the program's own id of the session
    session_no INTEGER NOT NULL,
    offset     INTEGER NOT NULL,              -- up to which byte the file was read
    state      TEXT NOT NULL,                 -- JSON of the reader
    lines      INTEGER NOT NULL,
    activities INTEGER NOT NULL,
    bad        INTEGER NOT NULL,
    unknown    TEXT NOT NULL,                 -- JSON object
    UNIQUE (vendor, native)
) STRICT;

-- Which lines were taken in: a file that was written anew or cut is read again without telling anything twice.
CREATE TABLE transcript_lines (
    transcript_no INTEGER NOT NULL,
    hash          BLOB NOT NULL,              -- the first 8 bytes of the line's BLAKE3
    PRIMARY KEY (transcript_no, hash)
) STRICT, WITHOUT ROWID;
