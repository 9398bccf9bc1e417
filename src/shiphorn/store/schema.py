"""Brings a database to the tables that this version of shiphorn works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from shiphorn.errors import Refused
from shiphorn.store.postgres import place

HEAD = "0004"
"""The newest migration; a test holds it equal to Alembic's own head."""

_LOCK = 0x686F726E
"""The advisory lock that one process holds while it migrates: "horn"."""


def migrate(database: Engine) -> None:
    """Run the migrations that are missing, all or none; of several processes one does, and others wait.

    Raises Refused SH590 for a database of a newer shiphorn.
    """
    if version(database) == HEAD:
        return
    # Alembic takes 0.15 s to import, which only a database that is new or old has to pay.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(str(files("shiphorn.store.migrations")))))
    try:
        with _alone(database) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        where = "HORN_DATABASE" if database.dialect.name == "postgresql" else "XDG_STATE_HOME"
        raise Refused(
            "SH590",
            f"the database {place(database.url)} was written by a newer shiphorn ({version(database)}).",
            hint=f"Upgrade shiphorn, or set another {where}.",
        ) from error


def version(database: Engine) -> str:
    """The migration that a database stands at; "" for a new one."""
    if not inspect(database).has_table("alembic_version"):
        return ""
    with database.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


@contextmanager
def _alone(database: Engine) -> Iterator[Connection]:
    """A transaction that no other process migrates in at the same time."""
    with database.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        else:
            # By itself Python's sqlite3 begins at the first INSERT, which comes after tables were made.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
