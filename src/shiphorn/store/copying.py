"""Copies of databases while others work on them, and whether there is anything in one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, inspect, select, text

from shiphorn.errors import DatabaseError
from shiphorn.store.sqlite import WAIT_SECONDS
from shiphorn.store.tables import audit, bad_marks, deploys, locks, metadata, people

ENGINE_SCHEMA = "dbos"
"""Where durable execution keeps its tables in PostgreSQL."""
_OF_PEOPLE = (deploys, people, audit, locks, bad_marks)
_SIDE_FILES = ("-wal", "-shm", "-journal")


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database by SQLite's online backup, in one go: as it is at one instant, writers go on."""
    target.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)
        # A file by itself, without one beside it: that is how it travels.
        writing.execute("PRAGMA journal_mode=DELETE")


def require_sound(path: Path) -> None:
    """Raise DatabaseError SH806 for a file that is no sound SQLite database."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            said = connection.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        raise DatabaseError("SH806", f"{path.name} of the backup is damaged: {said}.")


def put_in_place(fresh: Path, path: Path) -> None:
    """Put a database where another one is or was: nobody may have that open."""
    for side in _SIDE_FILES:
        path.with_name(path.name + side).unlink(missing_ok=True)
    fresh.replace(path)


def holds_data(database: Engine) -> bool:
    """Whether anybody has done anything in a database: tables alone are nothing."""
    there = set(inspect(database).get_table_names())
    with database.connect() as connection:
        return any(
            connection.execute(select(table.c.id).limit(1)).first() is not None
            for table in _OF_PEOPLE
            if table.name in there
        )


def schemas(database: Engine) -> list[str]:
    """The schemas of a PostgreSQL with shiphorn's tables, its own first, as far as they are there."""
    with database.connect() as connection:
        own = str(connection.execute(text("SELECT current_schema()")).scalar())
    return [name for name in (own, ENGINE_SCHEMA) if name in inspect(database).get_schema_names()]


def clear(database: Engine) -> None:
    """Drop shiphorn's tables and those of durable execution from a PostgreSQL, and nothing else."""
    names = [table.name for table in metadata.tables.values()]
    with database.begin() as connection:
        for name in (*names, "alembic_version"):
            connection.execute(text(f'DROP TABLE IF EXISTS "{name}" CASCADE'))
        connection.execute(text(f"DROP SCHEMA IF EXISTS {ENGINE_SCHEMA} CASCADE"))
