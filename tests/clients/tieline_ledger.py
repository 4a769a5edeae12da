"""What a client keeps on its own disk: what it took, its cursors, and what it still has to send.

One SQLite file. The effect of a message and the cursor that says it was taken are one transaction, so a
client that is killed at any moment neither loses a message nor takes it twice.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, Iterator

LANES = ("ctl", "msg", "bulk")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cursors (lane TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS taken (
    no INTEGER PRIMARY KEY, log_id TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL, message TEXT NOT NULL,
    UNIQUE (log_id, lane, seq));
CREATE TABLE IF NOT EXISTS outbox (no INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, command TEXT NOT NULL);
"""


class Ledger:
    """The ledger of one session."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)
        self._cursors = dict.fromkeys(LANES, 0)
        self._cursors.update(self._db.execute("SELECT lane, seq FROM cursors"))

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @property
    def log_id(self) -> str | None:
        """The lineage that the cursors belong to; None in a new ledger."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'log_id'").fetchone()
        return row[0] if row else None

    @property
    def cursors(self) -> dict[str, int]:
        """The last number taken, per lane."""
        return dict(self._cursors)

    def begin_lineage(self, log_id: str) -> None:
        """Remembers to which lineage the cursors belong."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('log_id', ?)", (log_id,))

    def forget_lineage(self) -> None:
        """Forgets cursors and lineage; what was taken stays."""
        with _Transaction(self._db):
            self._db.execute("DELETE FROM meta WHERE key = 'log_id'")
            self._db.execute("DELETE FROM cursors")
        self._cursors = dict.fromkeys(LANES, 0)

    def take(self, lane: str, seq: int, message: dict[str, Any] | None) -> None:
        """Keeps a message and moves the cursor to it, in one write. None: only moves the cursor."""
        with _Transaction(self._db):
            if message is not None:
                self._db.execute(
                    "INSERT INTO taken (log_id, lane, seq, message) VALUES (?, ?, ?, ?)",
                    (self.log_id or "", lane, seq, json.dumps(message)),
                )
            self._db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (lane, seq))
        self._cursors[lane] = seq

    def taken(self, after: int = 0) -> Iterator[tuple[int, str, int, dict[str, Any]]]:
        """What was taken, in order, after the given place: (place, lane, seq, message)."""
        rows = self._db.execute("SELECT no, lane, seq, message FROM taken WHERE no > ? ORDER BY no", (after,))
        for no, lane, seq, message in rows.fetchall():
            yield no, lane, seq, json.loads(message)

    def promise(self, key: str, command: dict[str, Any]) -> None:
        """Keeps a command that is about to be sent. The same key again must be for the same command."""
        text = json.dumps(command, sort_keys=True)
        self._db.execute("INSERT OR IGNORE INTO outbox (key, command) VALUES (?, ?)", (key, text))
        (kept,) = self._db.execute("SELECT command FROM outbox WHERE key = ?", (key,)).fetchone()
        if kept != text:
            raise ValueError(f"the key `{key}` is in the outbox for another command")

    def promised(self) -> list[tuple[str, dict[str, Any]]]:
        """The commands whose outcome is not known yet, oldest first."""
        rows = self._db.execute("SELECT key, command FROM outbox ORDER BY no").fetchall()
        return [(key, json.loads(command)) for key, command in rows]

    def keep_promise(self, key: str) -> None:
        """Forgets a command whose outcome has come."""
        self._db.execute("DELETE FROM outbox WHERE key = ?", (key,))


class _Transaction:
    """All or nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
