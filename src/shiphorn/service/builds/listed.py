"""Forges as admins see them: how each stands, what it sent, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.errors import ConfigError, NotFound
from shiphorn.model.forge import Forge, ForgeKind, Receipt
from shiphorn.model.notices import Standing
from shiphorn.model.people import Caller, Role
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.audit import record
from shiphorn.service.builds import asking, telling
from shiphorn.service.builds.clients import Clients
from shiphorn.service.builds.repositories import of_forge
from shiphorn.service.service import Service


@dataclass(frozen=True, slots=True)
class Listed:
    """A forge for people. `hook` is where its webhooks go to; `apps` are those whose repository it has.

    Times are Unix seconds, None for never. `ask_problem` and `tell_problem` are why it did not answer last,
    or did not take what it was told, "" when it did.
    """

    name: str
    kind: ForgeKind
    url: str
    hook: str
    takes_webhooks: bool
    repositories: tuple[str, ...]
    apps: tuple[str, ...]
    poll_seconds: float
    deployments: bool
    last: Receipt | None
    asked_at: float | None
    ask_problem: str
    told_at: float | None
    tell_problem: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what was received, newest first. `next` is the number to go on before; None is the end."""

    items: Sequence[Receipt]
    next: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking a forge. `problem` is why it did not answer, "" when it did."""

    name: str
    answered: bool
    problem: str


def listed(service: Service, caller: Caller, base: str = "") -> list[Listed]:
    """All forges, in the order of the file. `base` is where the service is, if shiphorn.yml does not say.

    Raises Forbidden SH550.
    """
    require(caller, Role.ADMIN, EVERYWHERE, "look at forges", service.store)
    standings, last = service.store.notified.listed(), service.store.received.last()
    url = service.apps.service.model.url.rstrip("/") or base
    return [_listed(service, one, standings, last.get(one.name), url) for one in service.apps.service.forges]


def deliveries(
    service: Service, caller: Caller, name: str = "", *, before: int | None = None, limit: int = 50
) -> Page:
    """What a forge sent, or all of them. Raises Forbidden SH550."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at forges", service.store)
    found = service.store.received.page(name, before, limit + 1)
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def ask(service: Service, caller: Caller, name: str) -> Asked:
    """Ask a forge now. Raises Forbidden SH550, NotFound SH910, ConfigError SH174 (it cannot be asked)."""
    require(caller, Role.ADMIN, EVERYWHERE, "ask forges", service.store)
    forges = service.apps.service.forges
    forge = next((one for one in forges if one.name == name), None)
    if forge is None:
        names = ", ".join(one.name for one in forges) or "none"
        raise NotFound("SH910", f"there is no forge {name}.", hint=f"There are {names}.")
    if not forge.is_asked:
        raise ConfigError("SH174", f"the forge {name} is never asked.", hint='Set "poll" in shiphorn.yml.')
    clients = Clients(service)
    try:
        asker = asking.Asker(service, clients)
        await asyncio.to_thread(asker.make_due, [one for one in forges if one.is_asked])
        problem = await asker.ask(forge)
    finally:
        await clients.close()
    facts = {"forge": name, "problem": problem}
    await asyncio.to_thread(
        record, service.store, caller, "forge asked", EVERYWHERE, time.time(), facts=facts
    )
    return Asked(name, not problem, problem)


def _listed(
    service: Service, forge: Forge, standings: dict[str, Standing], last: Receipt | None, url: str
) -> Listed:
    asked = standings.get(f"{asking.PREFIX}{forge.name}") if forge.is_asked else None
    told = standings.get(f"{telling.PREFIX}{forge.name}") if forge.deployments else None
    apps = [config.app for configs in of_forge(service.apps, forge).values() for config in configs]
    return Listed(
        forge.name,
        forge.kind,
        forge.url,
        f"{url}/hooks/{forge.name}",
        bool(forge.secrets),
        forge.repositories,
        tuple(sorted(apps)),
        forge.poll_seconds if forge.is_asked else 0.0,
        forge.deployments,
        last,
        asked.told_at if asked else None,
        _problem(asked),
        told.told_at if told else None,
        _problem(told),
    )


def _problem(standing: Standing | None) -> str:
    """Why it went wrong last; "" when it went well since."""
    if standing is None or standing.failed_at is None or standing.failed_at < (standing.told_at or 0.0):
        return ""
    return standing.problem
