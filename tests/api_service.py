"""The application over a service without a worker, and what programs send to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from litestar import Litestar

from shiphorn.adapters.vault import Vault
from shiphorn.demo.project import make_repository
from shiphorn.model.endpoints import Endpoint
from shiphorn.model.events import DeployStarted
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Person, Role
from shiphorn.service.apps import Apps
from shiphorn.service.commits.histories import Histories
from shiphorn.service.deploys.live import Live
from shiphorn.service.heartbeat import Heartbeat
from shiphorn.service.people.people import make_token
from shiphorn.service.service import Service
from shiphorn.store.store import Store
from shiphorn.web.app import make_app
from shiphorn.web.site import Site
from shiphorn.wiring import open_world
from tests.service.past import deploy, place_hosts

PLACES = [("shop", "production"), ("shop", "staging"), ("blog", "production")]
ROLES = {
    "viewer": Grant(Role.VIEWER),
    "deployer": Grant(Role.DEPLOYER, Scope("shop")),
    "admin": Grant(Role.ADMIN),
}


@dataclass(frozen=True)
class Offline:
    """An application with a past, whose hosts cannot be reached."""

    app: Litestar
    service: Service
    tokens: dict[str, str]
    """The secret of a token of each role."""

    @asynccontextmanager
    async def client(self, role: str = "admin") -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=self.app)  # type: ignore[arg-type]
        headers = {"authorization": f"Bearer {self.tokens[role]}"} if role in self.tokens else {}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test/api/v1", headers=headers
        ) as client:
            yield client


def token_of(store: Store, person: Person, grant: Grant | None = None) -> str:
    """A token of a person, which may do all that they may unless it is narrowed: its secret."""
    caller = Caller(person.login, "web", grants=person.grants, person_id=person.id)
    return make_token(store, caller, "tests", grant or person.grants[0], time.time())[0]


def write_files(folder: Path) -> Path:
    """shiphorn.yml with staging and production on hosts that are not there, and the apps shop and blog."""
    hosts = [{"name": name, "address": "127.0.0.1", "port": 1} for name in ("eu1", "us1")]
    environments: dict[str, Any] = {
        name: {"deploy_to": "~/{app}", "hosts": hosts} for name in ("staging", "production")
    }
    environments["staging"]["endpoints"] = {"url": "http://{name}.{app}.example.com"}
    path = folder / "shiphorn.yml"
    path.write_text(yaml.safe_dump({"environments": environments}))
    (folder / "apps").mkdir()
    for app in ("shop", "blog"):
        make_repository(folder / f"{app}.git")
        text = {"app": app, "repo": f"../{app}.git", "env": {"PLAIN": "one"}}
        (folder / "apps" / f"{app}.yml").write_text(yaml.safe_dump(text))
    return path


def fill(store: Store) -> None:
    """A past: of each environment a deploy that went well, and of the shop one that is queued."""
    for at, place in enumerate(PLACES):
        number = deploy(store, place, 10.0 + at, release=f"2026010100000{at}", sha="a" * 40)
        place_hosts(store, number, "eu1", "us1", seen=f"2026010100000{at}")
        store.records.add_events([DeployStarted(number, 10.0, *place, "deploy", "main", "ada")])
    for at, app in enumerate(("shop", "blog"), 1):
        url = f"http://feature.{app}.example.com"
        store.endpoints.add(Endpoint(at, app, "staging", "feature", "feature", url, "bob", 10.0, 4e9))
    store.locks.place(Scope("blog"), "a freeze", "ada", 20.0)
    store.marks.mark("shop", "f" * 40, "it is slow", "ada", 30.0)


@asynccontextmanager
async def offline(folder: Path, wake: Callable[[], None] = lambda: None) -> AsyncIterator[Offline]:
    """The application; XDG folders are the caller's to set."""
    path = await asyncio.to_thread(write_files, folder)
    async with (
        open_world(lambda _: None) as world,
        Live(world.store) as live,
        Heartbeat(world.store) as heartbeat,
        Histories() as histories,
    ):
        service = Service(world, Apps(path), lambda _: False, wake, live, heartbeat, histories)
        fill(world.store)
        tokens: dict[str, str] = {}
        for name, grant in ROLES.items():
            person = world.store.people.add(name, 1.0, held=[grant])
            assert person is not None
            tokens[name] = token_of(world.store, person)
        yield Offline(make_app(service, Vault(b"0" * 32), Site()), service, tokens)


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Offline]:
    """The application by itself, for one test."""
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    async with offline(tmp_path) as made:
        yield made
