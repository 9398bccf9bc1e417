"""SQLite as both databases of the embedded size use it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

_KNOWS_SUBSEC = (3, 42, 0)
"""With Python 3.12 DBOS takes `unixepoch('subsec')` for known. Debian 12 has SQLite 3.40."""


WAIT_SECONDS = 30


def open_sqlite(path: Path) -> Engine:
    """An engine on a file that several processes may use at once.

    WAL with `synchronous=NORMAL`: readers never wait, and a commit survives the death of the
    process (a power cut may lose the last ones, never corrupt). Writes begin with `IMMEDIATE`, so
    that two writers queue instead of failing half-way with "database is locked".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        if sqlite3.sqlite_version_info < _KNOWS_SUBSEC:
            connection.create_function("unixepoch", 1, _unixepoch)

    return engine


def _use_wal(connection: Any) -> None:
    """Have the file written by way of a WAL, which it keeps from then on.

    SQLite does not wait when two connections do so to a new file at once: one is told that it is locked.
    """
    given_up_at = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > given_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def _unixepoch(unit: str) -> float | None:
    """SQLite's own function, for what DBOS asks of it."""
    return round(time.time(), 3) if unit == "subsec" else None
