"""The story of the little company: people, a lock, and deploys that the service carries out for real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from shiphorn.demo.company import LOCK_REASON, LOCK_SECONDS, LOCKED, LOCKED_BY, PEOPLE, STORY, Shipment
from shiphorn.errors import DeployFailed
from shiphorn.model.deploy import Deploy, Kind, Order
from shiphorn.model.people import Caller, local
from shiphorn.service import orders
from shiphorn.service.apps import Apps
from shiphorn.service.commits.histories import Histories
from shiphorn.service.deploys.live import Live
from shiphorn.service.heartbeat import Heartbeat
from shiphorn.service.people import people
from shiphorn.service.service import Service
from shiphorn.wiring import open_world

EVERY_SECONDS = 0.1
LIMIT_SECONDS = 120.0
LINK_SECONDS = 86_400.0


@asynccontextmanager
async def open_service(config: Path) -> AsyncIterator[Service]:
    """The service as a face that shares its databases: what is ordered here, its worker carries out."""
    async with (
        open_world(lambda _: None) as world,
        Live(world.store) as live,
        Heartbeat(world.store) as heartbeat,
        Histories() as histories,
    ):
        yield Service(world, Apps(config), lambda _: True, lambda: None, live, heartbeat, histories)


def invite_all(service: Service) -> None:
    """Make the people, before the service asks for a first one."""
    for login, name, held in PEOPLE:
        people.invite(service.store, local("demo"), login, time.time(), name=name, held=held)


def sign_in_link(service: Service, login: str) -> str:
    """The path of a link that signs somebody in, once."""
    secret = people.make_link(service.store, local("demo"), login, time.time(), lifetime_seconds=LINK_SECONDS)
    return f"/link/{secret}"


async def live_through(service: Service, tell: Callable[[Deploy, int], None]) -> None:
    """Ship what is shipped, and lock what is locked. `tell` is given each deploy that ended, and its hosts.

    Raises DeployFailed SH606 for one that does not end as it should.
    """
    async with asyncio.TaskGroup() as group:
        for shipments in STORY:
            group.create_task(_ship_all(service, shipments, tell))
    until = time.time() + LOCK_SECONDS
    orders.lock(service, _caller(service, LOCKED_BY), LOCKED, LOCK_REASON, until=until)


async def _ship_all(
    service: Service, shipments: Sequence[Shipment], tell: Callable[[Deploy, int], None]
) -> None:
    for one in shipments:
        order = Order(one.app, one.environment, Kind.DEPLOY, one.ref)
        made = await orders.ship(service, _caller(service, one.who), order)
        async with asyncio.timeout(LIMIT_SECONDS):
            while (ended := service.store.deploys.get(made.id)) is None or ended.state.active:  # noqa: ASYNC110
                await asyncio.sleep(EVERY_SECONDS)
        tell(ended, len(service.store.hosts.of_deploy(ended.id)))
        if ended.state != one.ends:
            raise DeployFailed(
                "SH606",
                f"deploy {ended.id} of the demo {ended.state}: {ended.message}",
                hint="Please report this.",
            )


def _caller(service: Service, login: str) -> Caller:
    person = people.person(service.store, login)
    return Caller(person.login, "web", grants=person.grants, person_id=person.id)
