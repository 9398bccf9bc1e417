"""Orders of people in chats: each goes the way that it goes from any other face."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from shiphorn.chat import speaking
from shiphorn.chat.grammar import FORCED_FORM, FORMS, Command, Unclear, Verb
from shiphorn.config.near import near
from shiphorn.model.deploy import DeployState, Kind, Order, Wish
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller
from shiphorn.model.target import Host, Selection
from shiphorn.model.times import moment_of
from shiphorn.service import approvals, orders
from shiphorn.service.endpoints import orders as endpoints
from shiphorn.service.gates import UnderWay
from shiphorn.service.service import Service

_WISHES = {Verb.CANCEL: Wish.STOP, Verb.PAUSE: Wish.PAUSE, Verb.CONTINUE: Wish.CONTINUE}
_ASKED = {
    Verb.CANCEL: "is asked to stop, and to take everything back",
    Verb.PAUSE: "is asked to pause",
    Verb.CONTINUE: "is asked to go on",
}


async def deploy(service: Service, caller: Caller, command: Command) -> str:
    """Order a deploy, or a rollback."""
    if command.forced and not command.reason:
        raise Unclear(f"whoever overrides gates says why: {FORCED_FORM}")
    kind = Kind.ROLLBACK if command.verb == Verb.ROLLBACK else Kind.DEPLOY
    order = Order(
        command.app,
        command.environment,
        kind,
        ref=command.ref,
        selection=await _selection(service, caller, command),
        reason=command.reason,
        forced=command.reason if command.forced else "",
    )
    made = await orders.ship(service, caller, order)
    queue = await asyncio.to_thread(orders.queue, service, caller, command.app, command.environment)
    ahead_of_it = [one for one in queue if one.deploy.id < made.id]
    return speaking.ordered(made, _url(service), ahead_of_it)


async def wish(service: Service, caller: Caller, command: Command) -> str:
    """Pause a deploy, let it go on, or stop it."""
    number = command.number
    if number is None:
        found = await asyncio.to_thread(orders.queue, service, caller, command.app, command.environment)
        meant = _meant(found, command.verb)
        if not meant:
            raise Unclear(f"nothing is under way in {command.environment} of {command.app}.")
        if len(meant) > 1:
            return speaking.which(meant, command.verb, time.time())
        number = meant[0].deploy.id
    asked = partial(orders.ask, service, caller, number, _WISHES[command.verb], command.reason)
    await asyncio.to_thread(asked)
    return f"deploy {number} {_ASKED[command.verb]}."


async def lock(service: Service, caller: Caller, command: Command) -> str:
    """Place a lock."""
    now = time.time()
    if not command.reason:
        raise Unclear(f"a lock needs a reason, for whoever meets it: {FORMS[Verb.LOCK]}")
    scope, until = Scope(command.app, command.environment), _until(command, now)
    placed = await asyncio.to_thread(
        partial(orders.lock, service, caller, scope, command.reason, until=until)
    )
    return speaking.locked(placed, now)


async def unlock(service: Service, caller: Caller, command: Command) -> str:
    """Release a lock. One of somebody else takes a reason."""
    scope = Scope(command.app, command.environment)
    released = await asyncio.to_thread(orders.unlock, service, caller, scope, command.reason)
    return speaking.unlocked(released)


async def approve(service: Service, caller: Caller, command: Command) -> str:
    """Approve a deploy, or what goes to a place next."""
    if command.number is not None:
        given = await approvals.approve(service, caller, command.number, command.reason)
    else:
        order = Order(command.app, command.environment, ref=command.ref)
        given = await approvals.approve_commit(service, caller, order, command.reason)
    return speaking.approved(given, time.time())


async def endpoint(service: Service, caller: Caller, command: Command) -> str:
    """Give a branch an environment of its own, let it keep it, or take it away."""
    now = time.time()
    until = _until(command, now)
    seconds = until - now if until is not None else None
    if command.text == "create":
        made = await endpoints.create(service, caller, command.app, command.ref, ttl_seconds=seconds)
        return speaking.endpoints([made.endpoint], now)
    found = await asyncio.to_thread(endpoints.find, service, caller, command.app, command.ref)
    if command.text == "extend":
        kept = await asyncio.to_thread(endpoints.extend, service, caller, found.id, seconds)
        return speaking.endpoints([kept], now)
    await asyncio.to_thread(endpoints.remove, service, caller, found.id)
    return f"the endpoint of {command.app}/{found.branch} is being removed."


ANSWERS: Mapping[Verb, Callable[[Service, Caller, Command], Awaitable[str]]] = {
    Verb.DEPLOY: deploy,
    Verb.ROLLBACK: deploy,
    Verb.CANCEL: wish,
    Verb.PAUSE: wish,
    Verb.CONTINUE: wish,
    Verb.LOCK: lock,
    Verb.UNLOCK: unlock,
    Verb.APPROVE: approve,
    Verb.ENDPOINT: endpoint,
}


def selected(words: Sequence[str], hosts: Sequence[Host]) -> Selection:
    """The hosts that words behind an environment mean: names or globs, roles, regions or zones.

    Raises Unclear when one of them is none of that.
    """
    parts: dict[str, list[str]] = {"hosts": [], "roles": [], "regions": [], "zones": []}
    known = {
        "roles": {role for host in hosts for role in host.roles},
        "regions": {host.region for host in hosts},
        "zones": {host.zone for host in hosts} - {""},
    }
    for word in words:
        if any(Selection(hosts=(word,)).matches(host) for host in hosts):
            parts["hosts"].append(word)
            continue
        part = next((name for name, values in known.items() if word in values), "")
        if not part:
            names = sorted({host.name for host in hosts}.union(*known.values()))
            meant = near(word, names)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(names[:10])}."
            raise Unclear(f"no host, role, region or zone is called {word}; {hint}")
        parts[part].append(word)
    return Selection(**{name: tuple(values) for name, values in parts.items()})


async def _selection(service: Service, caller: Caller, command: Command) -> Selection:
    if not command.hosts:
        return Selection()
    hosts = await orders.resolved(service, caller, command.app, command.environment)
    return selected(command.hosts, hosts)


def _meant(found: Sequence[UnderWay], verb: Verb) -> list[UnderWay]:
    """The deploys that a wish without a number may be for: one that waits is not paused."""
    states = {
        Verb.PAUSE: (DeployState.RUNNING,),
        Verb.CONTINUE: (DeployState.PAUSED,),
        Verb.CANCEL: (DeployState.RUNNING, DeployState.PAUSED, DeployState.QUEUED),
    }
    return [one for one in found if one.deploy.state in states[verb]]


def _until(command: Command, now: float) -> float | None:
    return moment_of(command.until, now) if command.until else None


def _url(service: Service) -> str:
    return service.apps.service.model.url.rstrip("/")
