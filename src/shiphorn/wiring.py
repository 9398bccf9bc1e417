"""Puts the parts together: from a config file and a home folder to a working service."""

from __future__ import annotations

import asyncio
import gc
import getpass
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from shiphorn.adapters.artifacts import Artifacts
from shiphorn.adapters.git import GitSource
from shiphorn.adapters.inventory_exec import ExecInventory
from shiphorn.adapters.inventory_static import StaticInventory
from shiphorn.adapters.secrets import ConfiguredSecrets
from shiphorn.adapters.ssh import SshTransport
from shiphorn.config.load import Config, RegionSource
from shiphorn.deploy.fleet import Fleet, Reachable
from shiphorn.deploy.world import World
from shiphorn.errors import ConfigError, ShiphornError
from shiphorn.ports import Checker, EventSink, Inventory, Meter, Secrets, Source

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from shiphorn.engine.executor import Executor
    from shiphorn.service.shipping import Shipping
    from shiphorn.store.store import Store

STORE_MARGIN_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Home:
    """Where shiphorn keeps its state and its caches on this machine."""

    state: Path
    cache: Path


class Checkers:
    """Who looks from the deployer, by the kind of a check.

    Made when first asked for: httpx takes long to import.
    """

    _KINDS: ClassVar[dict[str, tuple[str, str]]] = {
        "http": ("shiphorn.adapters.check_http", "HttpChecker"),
        "tcp": ("shiphorn.adapters.check_tcp", "TcpChecker"),
    }

    def __init__(self) -> None:
        self._made: dict[str, Checker] = {}
        self._meter: Meter | None = None

    def __call__(self, kind: str) -> Checker:
        """The one of a kind; the same each time."""
        if kind not in self._made:
            module, name = self._KINDS[kind]
            self._made[kind] = getattr(import_module(module), name)()
        return self._made[kind]

    def meter(self) -> Meter:
        """Who asks sources of metrics; the same each time."""
        if self._meter is None:
            made: Meter = import_module("shiphorn.adapters.meter").HttpMeter()
            self._meter = made
        return self._meter

    async def close(self) -> None:
        """Close those that were made."""
        for checker in (*self._made.values(), *([self._meter] if self._meter else ())):
            await checker.close()


def home() -> Home:
    """The folders by the XDG rules, made when they are missing: what is in them is this user's alone."""
    user = Path.home()
    state = Path(os.environ.get("XDG_STATE_HOME") or user / ".local" / "state")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or user / ".cache")
    found = Home(state / "shiphorn", cache / "shiphorn")
    for folder in (found.state, found.cache):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def open_database(name: str) -> Engine:
    """The database `state` or `engine`: files of their own, or all in the one of `$HORN_DATABASE`.

    Raises ConfigError SH150.
    """
    from shiphorn.store.postgres import open_postgres  # noqa: PLC0415
    from shiphorn.store.sqlite import open_sqlite  # noqa: PLC0415

    address = os.environ.get("HORN_DATABASE")
    if not address:
        return open_sqlite(home().state / f"{name}.db")
    # Longer than an executor waits: a deploy then ends as a whole, not in one of its operations.
    return open_postgres(address, patience_seconds() + STORE_MARGIN_SECONDS)


def patience_seconds() -> float:
    """How long a deploy goes on without its database. Raises ConfigError SH151."""
    value = os.environ.get("HORN_DATABASE_PATIENCE") or "30"
    if not value.isdecimal() or not 1 <= int(value) <= 3600:
        raise ConfigError(
            "SH151", f'HORN_DATABASE_PATIENCE is "{value}", not a number of seconds up to 3600.'
        )
    return float(value)


def leave_at_once(error: ShiphornError) -> None:
    """End this process as a crash would, but for a word why: what is on record is gone on with later."""
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{show_cursor}\n{error}\n")
    sys.stderr.flush()
    os._exit(error.exit_status)


def actor() -> str:
    """Who gives the orders: `$HORN_ACTOR`, else user@machine."""
    given = os.environ.get("HORN_ACTOR")
    if given:
        return given
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that has no name.
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


@contextmanager
def open_store() -> Iterator[Store]:
    """The store alone: enough for what is on record."""
    from shiphorn.store.store import Store  # noqa: PLC0415

    store = Store(open_database("state"))
    try:
        yield store
    finally:
        store.close()


@contextmanager
def open_executor() -> Iterator[Executor]:
    """This process as an executor, without an engine: it can tell who lives."""
    from shiphorn.store.postgres import explaining  # noqa: PLC0415

    database = open_database("engine")
    with explaining(database):
        executor = _executor(database)
        try:
            yield executor
        finally:
            executor.release()
            database.dispose()


@asynccontextmanager
async def open_world(tell: EventSink, ahead: Iterable[Reachable] = ()) -> AsyncIterator[World]:
    """Everything but the engine: enough for questions, and for commands on hosts.

    Connections to the hosts `ahead` begin first: far ones take longer to answer than the rest of
    shiphorn takes to import, which a thread does meanwhile.
    """
    places = home()
    transport = SshTransport()
    fleet = Fleet(transport)
    fleet.warm(ahead)
    # An import holds the interpreter for as long as it is let; the handshakes must get a word in.
    sys.setswitchinterval(0.0005)
    await asyncio.to_thread(import_module, "shiphorn.engine.durable" if ahead else "shiphorn.store.store")
    sys.setswitchinterval(0.005)
    # What was imported stays: it need not be looked through again. Collection was off until here (cli.main).
    gc.freeze()
    gc.enable()

    def source(config: Config) -> Source:
        return GitSource(config.repo, places.cache / "mirrors", tree=config.repo_tree)

    def inventory(region: RegionSource) -> Inventory:
        if region.inventory_command:
            return ExecInventory(region.inventory_command, region.directory)
        return StaticInventory(region.hosts)

    def secrets(config: Config) -> Secrets:
        return ConfiguredSecrets(config.secrets, config.path.parent)

    checkers = Checkers()
    with open_store() as store:
        try:
            yield World(
                store,
                fleet,
                Artifacts(places.cache / "artifacts"),
                source,
                inventory,
                secrets,
                checkers,
                checkers.meter,
                tell,
            )
        finally:
            await checkers.close()
            await fleet.close()
            await transport.close()


@asynccontextmanager
async def open_shipping(world: World, *, apart: bool = False) -> AsyncIterator[Shipping]:
    """The engine as well, launched on the running loop: what it takes to change hosts.

    Where many deploys run side by side, each has its connections `apart`.
    """
    # DBOS takes 0.3 s to import, which only a deploy has to pay.
    from shiphorn.engine import durable  # noqa: PLC0415
    from shiphorn.service.shipping import Shipping  # noqa: PLC0415
    from shiphorn.store.postgres import explaining  # noqa: PLC0415

    database = open_database("engine")
    with explaining(database):
        engine = durable.Engine(database, _executor(database), leave_at_once)
    try:
        shipping = Shipping(world, engine, apart=apart)
        with explaining(database):
            engine.launch()
        yield shipping
    finally:
        engine.close()


def _executor(database: Engine) -> Executor:
    from shiphorn.engine.executor import FileExecutor  # noqa: PLC0415
    from shiphorn.engine.session import SessionExecutor  # noqa: PLC0415
    from shiphorn.store.postgres import place  # noqa: PLC0415

    if database.dialect.name == "sqlite":
        return FileExecutor(home().state / "executors")
    return SessionExecutor(database, place(database.url), patience_seconds(), leave_at_once)
