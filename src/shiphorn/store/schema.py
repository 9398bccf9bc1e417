"""Brings a database to the tables that this version of shiphorn works with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sqlalchemy import Engine, inspect, text

from shiphorn.errors import Refused

HEAD = "0002"
"""The newest migration; a test holds it equal to Alembic's own head."""


def migrate(database: Engine) -> None:
    """Run the migrations that are missing. Raises Refused SH590 for a database of a newer shiphorn."""
    if version(database) == HEAD:
        return
    # Alembic takes 0.15 s to import, which only a database that is new or old has to pay.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(str(files("shiphorn.store.migrations")))))
    try:
        with database.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise Refused(
            "SH590",
            f"the database {database.url.database} was written by a newer shiphorn ({version(database)}).",
            hint="Upgrade shiphorn, or set another XDG_STATE_HOME.",
        ) from error


def version(database: Engine) -> str:
    """The migration that a database stands at; "" for a new one."""
    if not inspect(database).has_table("alembic_version"):
        return ""
    with database.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
