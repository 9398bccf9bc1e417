"""Settings that everybody sees: locks, the queue, and what inventories say."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from shiphorn.deploy.queue import described
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import DeployState, Wish
from shiphorn.model.locks import Lock, Scope
from shiphorn.model.people import Caller, Role
from shiphorn.model.target import Host
from shiphorn.service import locks, orders, sight
from shiphorn.service.access import EVERYWHERE, seen
from shiphorn.service.gates import UnderWay
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread
from shiphorn.web.queries import moment, names

SHOWN = 100
"""So many environments are listed at once."""
_TABS = (
    ("Locks", "/settings/locks", False),
    ("Queue", "/settings/queue", False),
    ("Freezes", "/settings/freezes", False),
    ("Inventories", "/settings/inventories", False),
    ("Apps", "/settings/apps", False),
    ("People", "/settings/people", True),
    ("Tokens", "/settings/tokens", False),
    ("Forges", "/settings/forges", True),
    ("Notifiers", "/settings/notifiers", True),
    ("Chat", "/settings/chat", True),
    ("Webhooks", "/settings/webhooks", True),
    ("Metrics", "/settings/metrics", True),
    ("Audit", "/settings/audit", True),
    ("Service", "/settings/service", True),
)


@dataclass
class NewLock:
    """What the form of a lock sends. `until` is a time or a span; `steal` takes over somebody else's."""

    app: str = ""
    environment: str = ""
    reason: str = ""
    until: str = ""
    steal: str = ""


@dataclass
class Unlock:
    """A lock to release, by its scope."""

    app: str = ""
    environment: str = ""
    reason: str = ""


@dataclass
class Turn:
    """A queued deploy, and the one that it goes ahead of: "" is behind all."""

    deploy: int
    ahead_of: str = ""


def tab(caller: Caller, name: str, **more: Any) -> dict[str, Any]:
    """The context of a page of the settings: its tabs, as far as the caller may see them."""
    admin = caller.may(Role.ADMIN, EVERYWHERE)
    tabs = [(title, path) for title, path, for_admins in _TABS if admin or not for_admins]
    return {"here": "Settings", "caller": caller, "admin": admin, "tab": name, "tabs": tabs} | more


@get("/settings")
async def index(site: TheSite, caller: TheCaller) -> Redirect:  # noqa: ARG001 - for who is known
    """The first tab."""
    return Redirect(f"{site.base}/settings/locks")


@get("/settings/locks")
@in_thread
def show_locks(service: TheService, caller: TheCaller) -> Response[Any]:
    """The locks in force, those that were, and a form for another one."""
    now = time.time()
    in_force = seen(caller, locks.listed(service.store, now), _scope)
    past = [one for one in locks.listed(service.store, now, history=True) if not one.in_force(now)]
    context = tab(
        caller,
        "Locks",
        locks=[(one, caller.may(Role.DEPLOYER, one.scope)) for one in in_force],
        past=seen(caller, past, _scope),
        may_lock=any(grant.role != Role.VIEWER for grant in caller.grants),
        may_steal=any(grant.role == Role.ADMIN for grant in caller.grants),
    )
    return Template("settings/locks.html", context=context | names(service, caller))


@post("/settings/locks")
@in_thread
def place_lock(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[NewLock, Form]
) -> Response[Any]:
    """Place a lock."""
    scope = Scope(data.app, data.environment)
    until = moment(data.until, time.time())
    placed = orders.lock(service, caller, scope, data.reason, until=until, steal=bool(data.steal))
    others = [one.owner for one in placed.released if one.owner != caller.name]
    stolen = f" It was taken over from {', '.join(others)}." if others else ""
    return site.back("/settings/locks", f"You have locked {scope}.{stolen}")


@post("/settings/locks/release")
@in_thread
def release_lock(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Unlock, Form]
) -> Response[Any]:
    """Release the locks on a scope."""
    scope = Scope(data.app, data.environment)
    orders.unlock(service, caller, scope, data.reason)
    return site.back("/settings/locks", f"{str(scope).capitalize()} is not locked any more.")


@get("/settings/queue")
@in_thread
def show_queue(service: TheService, caller: TheCaller) -> Response[Any]:
    """What is under way and what waits, an environment each."""
    by_place: dict[Scope, list[UnderWay]] = {}
    for one in orders.queue(service, caller):
        by_place.setdefault(Scope(one.deploy.order.app, one.deploy.order.environment), []).append(one)
    places = [
        {
            "scope": scope,
            "rows": [(one, described(one.deploy), _ahead(found, one)) for one in found],
            "may_drop": caller.may(Role.DEPLOYER, scope),
            "may_move": caller.may(Role.ADMIN, scope),
        }
        for scope, found in by_place.items()
    ]
    return Template("settings/queue.html", context=tab(caller, "Queue", places=places))


@post("/settings/queue/move")
@in_thread
def move(service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Turn, Form]) -> Response[Any]:
    """Move a queued deploy ahead of another one."""
    ahead_of = int(data.ahead_of) if data.ahead_of.isdecimal() else None
    orders.move(service, caller, data.deploy, ahead_of)
    return site.back("/settings/queue", f"Deploy {data.deploy} has another place now.")


@post("/settings/queue/drop")
@in_thread
def drop(service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Turn, Form]) -> Response[Any]:
    """Stop a deploy that waits, or one under way."""
    orders.ask(service, caller, data.deploy, Wish.STOP)
    return site.back("/settings/queue", f"Deploy {data.deploy} is asked to stop.")


@get("/settings/inventories")
@in_thread
def inventories(service: TheService, caller: TheCaller, app: FromQuery[str] = "") -> Response[Any]:
    """Where the hosts of each environment come from, of an app or of the first ones."""
    visible = sight.seen(service.places(), caller)
    wanted = [place for place in visible if app in ("", place[0])]
    places = [(name, service.apps.config(name).environment(inner)) for name, inner in wanted[:SHOWN]]
    context = tab(caller, "Inventories", places=places, app=app, more=len(wanted) - len(places))
    return Template("settings/inventories.html", context=context | names(service, caller))


@get("/settings/inventories/now")
async def resolve(
    service: TheService, caller: TheCaller, app: FromQuery[str], environment: FromQuery[str]
) -> Response[Any]:
    """The hosts of an environment, as its inventories name them at this moment."""
    problem: ShiphornError | None = None
    hosts: list[Host] = []
    service.config(caller, app, environment)
    try:
        hosts = await orders.resolved(service, caller, app, environment)
    except ShiphornError as error:
        problem = error
    regions: dict[str, list[Host]] = {}
    for host in hosts:
        regions.setdefault(host.region, []).append(host)
    more = {"app": app, "environment": environment, "problem": problem, "regions": regions}
    context = tab(caller, "Inventories", total=len(hosts), at=time.time(), **more)
    return Template("settings/inventory.html", context=context)


def _scope(lock: Lock) -> Scope:
    return lock.scope


def _ahead(found: list[UnderWay], one: UnderWay) -> int | None:
    """The number of the deploy that waits right ahead of one that waits."""
    waiting = [other.deploy.id for other in found if other.deploy.state == DeployState.QUEUED]
    place = waiting.index(one.deploy.id) if one.deploy.id in waiting else 0
    return waiting[place - 1] if place > 0 else None


ROUTES = (
    index,
    show_locks,
    place_lock,
    release_lock,
    show_queue,
    move,
    drop,
    inventories,
    resolve,
)
