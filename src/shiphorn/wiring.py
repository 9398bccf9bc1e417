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
from typing import TYPE_CHECKING

from shiphorn.adapters.artifacts import Artifacts
from shiphorn.adapters.git import GitSource
from shiphorn.adapters.inventory_exec import ExecInventory
from shiphorn.adapters.inventory_static import StaticInventory
from shiphorn.adapters.secrets import ConfiguredSecrets
from shiphorn.adapters.ssh import SshTransport
from shiphorn.config.load import Config, RegionSource
from shiphorn.deploy.fleet import Fleet, Reachable
from shiphorn.deploy.world import World
from shiphorn.ports import EventSink, Inventory, Secrets, Source

if TYPE_CHECKING:
    from shiphorn.service.shipping import Shipping
    from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class Home:
    """Where shiphorn keeps its state and its caches on this machine."""

    state: Path
    cache: Path


def home() -> Home:
    """The folders by the XDG rules, made when they are missing: what is in them is this user's alone."""
    user = Path.home()
    state = Path(os.environ.get("XDG_STATE_HOME") or user / ".local" / "state")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or user / ".cache")
    found = Home(state / "shiphorn", cache / "shiphorn")
    for folder in (found.state, found.cache):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def actor() -> str:
    """Who gives the orders: `$HORN_ACTOR`, else user@machine."""
    return os.environ.get("HORN_ACTOR") or f"{getpass.getuser()}@{socket.gethostname()}"


@contextmanager
def open_store() -> Iterator[Store]:
    """The store alone: enough for what is on record."""
    from shiphorn.store.store import Store  # noqa: PLC0415

    store = Store(home().state / "state.db")
    try:
        yield store
    finally:
        store.close()


@asynccontextmanager
async def open_world(tell: EventSink, ahead: Iterable[Reachable] = ()) -> AsyncIterator[World]:
    """Everything but the engine: enough for questions, and for commands on hosts.

    Connections to the hosts `ahead` begin first: far ones take longer to answer than the rest of
    shiphorn takes to import, which a thread does meanwhile.
    """
    places = home()
    fleet = Fleet(SshTransport())
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

    with open_store() as store:
        try:
            yield World(store, fleet, Artifacts(places.cache / "artifacts"), source, inventory, secrets, tell)
        finally:
            await fleet.close()


@asynccontextmanager
async def open_shipping(world: World) -> AsyncIterator[Shipping]:
    """The engine as well, launched on the running loop: what it takes to change hosts."""
    # DBOS takes 0.3 s to import, which only a deploy has to pay.
    from shiphorn.engine.durable import Engine  # noqa: PLC0415
    from shiphorn.service.shipping import Shipping  # noqa: PLC0415
    from shiphorn.store.sqlite import open_sqlite  # noqa: PLC0415

    state = home().state
    database = open_sqlite(state / "engine.db")
    engine = Engine(database, state / "executors")
    try:
        shipping = Shipping(world, engine)
        engine.launch()
        yield shipping
    finally:
        engine.close()
