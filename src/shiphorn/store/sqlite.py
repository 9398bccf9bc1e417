"""SQLite as both databases of the embedded size use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event


def open_sqlite(path: Path) -> Engine:
    """An engine on a file that several processes may use at once.

    WAL with `synchronous=NORMAL`: readers never wait, and a commit survives the death of the
    process (a power cut may lose the last ones, never corrupt). Writes begin with `IMMEDIATE`, so
    that two writers queue instead of failing half-way with "database is locked".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine
