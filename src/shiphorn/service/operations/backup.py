"""Backups: all that a service remembers in one file, made while it runs, and put back where it is lost.

A deploy that was under way when a backup was made is gone on with after a restore. That is safe: hosts
that have had a later one refuse it, and what was done already is not done again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

import shiphorn
from shiphorn.adapters import archive, dumps
from shiphorn.engine import executor, session
from shiphorn.errors import ConfigError, DatabaseError, Refused
from shiphorn.store import copying
from shiphorn.store.postgres import explaining, place
from shiphorn.store.schema import HEAD, version
from shiphorn.store.store import Store

FORMAT = 1
KEY = "secret.key"
_SQLITE = ("engine.db", "state.db")
"""In this order: work that is done and not recorded as done is found to be done; never the other way."""
_DUMP = "database.dump"
_WORDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True, slots=True)
class Installation:
    """What is backed up: the folder of its state, and its databases `state` and `engine` when opened."""

    state: Path
    open: Callable[[str], Engine]


async def back_up(installed: Installation, target: Path, now: float, *, with_key: bool) -> dict[str, Any]:
    """Write a backup: its manifest. What goes on meanwhile is not kept waiting.

    Raises ConfigError SH158 (the file is there), SH159 (there is nothing yet), MissingProgram SH701,
    DatabaseError SH801, SH808.
    """
    if target.exists():
        raise ConfigError("SH158", f"{target} is there already.", hint="Name a new file.")
    with _opened(installed) as database, _scratch(target.absolute().parent) as folder:
        stands_at = await asyncio.to_thread(version, database)
        if not stands_at:
            raise ConfigError(
                "SH159",
                f"{place(database.url)} holds nothing yet that could be backed up.",
                hint="HORN_DATABASE and XDG_STATE_HOME say where a service keeps its state.",
            )
        kind = database.dialect.name
        files = await _copied(installed, database, folder)
        key = installed.state / KEY
        if with_key and key.exists():
            files[KEY] = key
        facts = {
            "format": FORMAT,
            "shiphorn": shiphorn.__version__,
            "migration": stands_at,
            "database": kind,
            "made_at": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        }
        await asyncio.to_thread(archive.pack, target, facts, files)
    return facts | {"files": sorted(files)}


async def restore(installed: Installation, source: Path, *, replace: bool) -> dict[str, Any]:
    """Put a backup in place, verified before anything is changed: its manifest.

    Raises ConfigError SH156 (no backup), SH157 (of another kind of database), DatabaseError SH806 (damaged),
    SH807 (somebody works there), SH808, SH809 (there is data, and it is not to `replace` it), Refused SH590
    (of a newer shiphorn), MissingProgram SH701.
    """
    with _opened(installed) as database, _scratch(installed.state) as folder:
        manifest = await asyncio.to_thread(archive.unpack, source, folder)
        _require_fit(manifest, database, source)
        await asyncio.to_thread(_require_free, installed, database, replace=replace)
        _require_same_key(installed, folder, replace=replace)
        if database.dialect.name == "sqlite":
            for name in _SQLITE:
                await asyncio.to_thread(copying.require_sound, folder / name)
            database.dispose()
            for name in _SQLITE:
                _give(folder / name, installed.state)
                copying.put_in_place(folder / name, installed.state / name)
        else:
            there = await asyncio.to_thread(_emptied, database)
            await dumps.load(database.url, folder / _DUMP, there)
        if (folder / KEY).exists():
            _give(folder / KEY, installed.state)
            (folder / KEY).replace(installed.state / KEY)
    # An older one is brought to the tables of this version.
    await asyncio.to_thread(lambda: Store(installed.open("state")).close())
    return manifest


async def _copied(installed: Installation, database: Engine, folder: Path) -> dict[str, Path]:
    if database.dialect.name == "sqlite":
        names = [name for name in _SQLITE if (installed.state / name).exists()]
        for name in names:
            await asyncio.to_thread(copying.copy_sqlite, installed.state / name, folder / name)
        return {name: folder / name for name in names}
    schemas = await asyncio.to_thread(copying.schemas, database)
    await dumps.dump(database.url, schemas, folder / _DUMP)
    return {_DUMP: folder / _DUMP}


def _require_fit(manifest: dict[str, Any], database: Engine, source: Path) -> None:
    kind, here = str(manifest.get("database")), database.dialect.name
    if manifest.get("format") != FORMAT or str(manifest.get("migration")) > HEAD:
        raise Refused(
            "SH590",
            f"{source} was written by a newer shiphorn ({manifest.get('shiphorn')}).",
            hint="Upgrade shiphorn first.",
        )
    if kind != here:
        raise ConfigError(
            "SH157",
            f"{source} is of {_WORDS.get(kind, kind)}, {place(database.url)} of {_WORDS.get(here, here)}.",
            hint="HORN_DATABASE says which database it goes to; unset, SQLite files.",
        )


def _require_free(installed: Installation, database: Engine, *, replace: bool) -> None:
    on_files = database.dialect.name == "sqlite"
    lives = (
        executor.anybody_lives(installed.state / "executors") if on_files else session.anybody_lives(database)
    )
    if lives:
        raise DatabaseError(
            "SH807",
            f"a service or a deploy works on {place(database.url)}.",
            hint="Stop it first: systemctl stop shiphorn",
        )
    if copying.holds_data(database) and not replace:
        raise DatabaseError(
            "SH809",
            f"{place(database.url)} holds data, which would be lost.",
            hint="Back it up, then say so: --replace",
        )


def _require_same_key(installed: Installation, folder: Path, *, replace: bool) -> None:
    fresh, own = folder / KEY, installed.state / KEY
    if fresh.exists() and own.exists() and fresh.read_text() != own.read_text() and not replace:
        raise DatabaseError(
            "SH809", f"{own} is another key than that of the backup.", hint="Keep a copy, then: --replace"
        )


def _give(path: Path, like: Path) -> None:
    """Let root restore what belongs to the user of a service."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _emptied(database: Engine) -> list[str]:
    copying.clear(database)
    return copying.schemas(database)


@contextmanager
def _opened(installed: Installation) -> Iterator[Engine]:
    database = installed.open("state")
    try:
        with explaining(database):
            yield database
    finally:
        database.dispose()


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A folder for copies, where there is room for the file that is made of them."""
    folder = Path(tempfile.mkdtemp(prefix=".horn-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
