"""What people order of a running service: each checked against their rights, carried out, and audited."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from shiphorn.config.load import Config
from shiphorn.deploy import resolve
from shiphorn.deploy.plan import Plan, make
from shiphorn.deploy.queue import described
from shiphorn.errors import Refused
from shiphorn.model.deploy import CommandOutput, Deploy, DeployState, Kind, Order, Problem, Wish
from shiphorn.model.locks import BadMark, Lock, Scope
from shiphorn.model.people import Caller, Role
from shiphorn.model.release import Commit
from shiphorn.model.target import Host, Selection
from shiphorn.service import gates, locks, marks, records
from shiphorn.service.access import require
from shiphorn.service.audit import record
from shiphorn.service.hosts import fleet
from shiphorn.service.service import Service
from shiphorn.service.shipping import put_on_record


async def plan(service: Service, caller: Caller, order: Order) -> Plan:
    """What an order would do, found out without doing it. Raises as a deploy would before its build."""
    scope = Scope(order.app, order.environment)
    service.config(caller, *_of(scope))
    require(caller, Role.DEPLOYER, scope, "see what a deploy would run")
    config, _ = await _config_for(service, order)
    async with service.world.visiting() as world:
        return await make(world, config, replace(order, actor=caller.name))


async def _config_for(service: Service, order: Order) -> tuple[Config, str]:
    """The config that an order goes by: that of a release's commit where it names a release."""
    ref = order.ref
    if order.kind != Kind.DEPLOY and ref:
        history = service.store.deploys.history(order.app, order.environment, limit=1000)
        ref = resolve.sha_of(ref, [], history)
    return await service.apps.config_at(service.world, order.app, order.environment, ref)


async def why(service: Service, caller: Caller, order: Order) -> gates.Why:
    """Whether an order would be carried out now, and what stands in its way."""
    service.config(caller, order.app, order.environment)
    config, _ = await _config_for(service, order)
    return await gates.why(service.world, config, replace(order, actor=caller.name), service.lives)


async def ship(
    service: Service, caller: Caller, order: Order, *, key: str = "", wait: bool = True, expected: str = ""
) -> Deploy:
    """Put a deploy, rollback or converge on record, for a worker to take.

    The same `key` of the same caller makes one deploy, however often it comes. `expected` is the commit
    that the caller was shown of the ref. Raises Forbidden SH550, NotFound SH580, ConfigError SH110,
    SourceError, Refused SH581 (the key came with another order), SH592 (the ref is at another commit than
    `expected`), SH501 (it is not to `wait`, and another deploy is at work there).
    """
    scope = Scope(order.app, order.environment)
    service.config(caller, *_of(scope))
    require(caller, Role.DEPLOYER, scope, f"{order.kind} {scope}")
    if order.forced:
        require(caller, Role.ADMIN, scope, f"override gates of {scope}")
    order = replace(order, actor=caller.name)
    digest = hashlib.sha256(json.dumps(asdict(order), sort_keys=True).encode()).hexdigest()
    made = service.store.deploys.by_request(caller.name, key) if key else None
    if made is not None:
        return _same(service, made, digest)
    if not wait:
        _require_free(service, scope)
    if expected and order.kind == Kind.DEPLOY:
        await _require_expected(service, order, expected)
    config, ref = await _config_for(service, order)
    if order.kind == Kind.DEPLOY:
        order = replace(order, ref=ref)
    deploy = put_on_record(service.store, config, order, request=(key, digest) if key else None)
    facts = {"deploy": deploy.id, "ref": order.ref, "hosts": str(order.selection), "forced": order.forced}
    _audit(service, caller, str(order.kind), scope, order.reason or order.forced, facts)
    service.wake()
    return deploy


async def converge(
    service: Service, caller: Caller, app: str, environment: str, selection: Selection, *, key: str = ""
) -> list[Deploy]:
    """Order what brings hosts that are behind to the release that they should run. `key` as for `ship`."""
    scope = Scope(app, environment)
    config = service.config(caller, app, environment)
    require(caller, Role.DEPLOYER, scope, f"converge {scope}")
    async with service.world.visiting() as world:
        orders = await fleet.behind(world, config, environment, selection, caller.name)
    keys = [f"{key} {order.ref}" if key else "" for order in orders]
    return [await ship(service, caller, order, key=one) for order, one in zip(orders, keys, strict=True)]


async def status(
    service: Service, caller: Caller, app: str, environment: str, selection: Selection
) -> fleet.EnvironmentStatus:
    """What the hosts of an environment run, asked now."""
    config = service.config(caller, app, environment)
    async with service.world.visiting() as world:
        return await fleet.status(world, config, environment, selection)


async def resolved(service: Service, caller: Caller, app: str, environment: str) -> list[Host]:
    """The hosts of an environment as its inventories name them at this moment. Raises as `fleet.resolved`."""
    config = service.config(caller, app, environment)
    return await fleet.resolved(service.world, config, environment, Selection())


async def execute(
    service: Service,
    caller: Caller,
    app: str,
    environment: str,
    selection: Selection,
    command: str,
    *,
    timeout_seconds: float = 600.0,
    user: str = "",
) -> list[tuple[Host, CommandOutput | Problem]]:
    """Run a command in the live release of every host: what each printed, or why it could not.

    It is written down before it runs. Raises Forbidden SH550, NotFound SH580, ConfigError.
    """
    scope = Scope(app, environment)
    config = service.config(caller, app, environment)
    require(caller, Role.DEPLOYER, scope, f"run commands on the hosts of {scope}")
    facts = {"command": command, "user": user, "hosts": str(selection)}
    await asyncio.to_thread(_audit, service, caller, "exec", scope, "", facts)
    async with service.world.visiting() as world:
        return await fleet.execute(
            world, config, environment, selection, command, timeout_seconds=timeout_seconds, user=user
        )


def ask(service: Service, caller: Caller, deploy_id: int, wish: Wish, reason: str = "") -> None:
    """Pause, continue or end a deploy. Raises NotFound SH522, Forbidden SH550, Refused SH523."""
    deploy = service.deploy(caller, deploy_id, Role.DEPLOYER)
    records.ask(service.store, deploy_id, wish, caller.name)
    scope = Scope(deploy.order.app, deploy.order.environment)
    _audit(service, caller, str(wish), scope, reason, {"deploy": deploy_id})
    service.wake()


def pause_everything(service: Service, caller: Caller, reason: str) -> tuple[Lock, int]:
    """Lock everything, and ask every deploy under way to pause: the lock, and how many those are."""
    require(caller, Role.ADMIN, Scope(), "pause everything")
    placed = locks.place(service.store, Scope(), reason, caller.name, time.time(), steal=True)
    asked = records.ask_all(service.store, Wish.PAUSE, caller.name)
    _audit(service, caller, "pause everything", Scope(), reason, {"deploys": len(asked)})
    return placed.lock, len(asked)


def continue_everything(service: Service, caller: Caller, reason: str) -> int:
    """Release the lock on everything, and let every paused deploy go on: how many those are."""
    require(caller, Role.ADMIN, Scope(), "let everything go on")
    locks.release(service.store, Scope(), caller.name, time.time(), reason=reason or "everything goes on")
    asked = records.ask_all(service.store, Wish.CONTINUE, caller.name)
    _audit(service, caller, "continue everything", Scope(), reason, {"deploys": len(asked)})
    return len(asked)


def lock(
    service: Service,
    caller: Caller,
    scope: Scope,
    reason: str,
    *,
    until: float | None = None,
    steal: bool = False,
) -> locks.Placed:
    """Place a lock. Taking over somebody else's needs an admin of its scope. Raises as `locks.place`."""
    require(caller, Role.ADMIN if steal else Role.DEPLOYER, scope, f"lock {scope}")
    placed = locks.place(service.store, scope, reason, caller.name, time.time(), until=until, steal=steal)
    others = [one.owner for one in placed.released if one.owner != caller.name]
    facts = {"until": until, "stolen from": others}
    _audit(service, caller, "lock", scope, reason, facts)
    return placed


def unlock(service: Service, caller: Caller, scope: Scope, reason: str = "") -> list[Lock]:
    """Release the locks on a scope. Raises Forbidden SH550, Refused SH544, SH545."""
    require(caller, Role.DEPLOYER, scope, f"unlock {scope}")
    released = locks.release(service.store, scope, caller.name, time.time(), reason=reason)
    _audit(service, caller, "unlock", scope, reason, {"owners": [one.by for one in released]})
    return released


async def mark(service: Service, caller: Caller, app: str, ref: str, reason: str) -> tuple[Commit, BadMark]:
    """Mark a commit as bad. Raises Forbidden SH550, Refused SH543, SourceError."""
    config = service.config(caller, app)
    require(caller, Role.DEPLOYER, Scope(app), f"mark a commit of {app}")
    commit, made = await marks.mark(service.world, config, ref, reason, caller.name)
    _audit(service, caller, "mark bad", Scope(app), reason, {"sha": commit.sha})
    return commit, made


async def clear(service: Service, caller: Caller, app: str, ref: str, reason: str) -> Commit:
    """Take the marks off a commit. Raises Forbidden SH550, Refused SH543, SH548, SourceError."""
    config = service.config(caller, app)
    require(caller, Role.DEPLOYER, Scope(app), f"clear a commit of {app}")
    commit = await marks.clear(service.world, config, ref, reason, caller.name)
    _audit(service, caller, "clear bad mark", Scope(app), reason, {"sha": commit.sha})
    return commit


def queue(service: Service, caller: Caller, app: str = "", environment: str = "") -> Sequence[gates.UnderWay]:
    """The deploys that are not over and that the caller sees, in the order of their turns."""
    found = gates.queue(service.store, app, service.lives, environment)
    return [one for one in found if caller.sees(Scope(one.deploy.order.app, one.deploy.order.environment))]


def move(service: Service, caller: Caller, deploy_id: int, ahead_of: int | None) -> None:
    """Move a queued deploy ahead of another one, or behind all. Raises Forbidden SH550, Refused SH582."""
    deploy = service.deploy(caller, deploy_id, Role.ADMIN)
    scope = Scope(deploy.order.app, deploy.order.environment)
    waiting = [
        one
        for one in service.store.deploys.active(scope.app, scope.environment)
        if one.state == DeployState.QUEUED and one.id != deploy_id
    ]
    numbers = [one.id for one in waiting]
    if deploy.state != DeployState.QUEUED or (ahead_of is not None and ahead_of not in numbers):
        raise Refused("SH582", f"deploy {deploy_id} does not wait there.", hint="Look at the queue again.")
    place = len(numbers) if ahead_of is None else numbers.index(ahead_of)
    turns = [one.turn if one.turn is not None else float(one.id) for one in waiting]
    before = turns[place - 1] if place > 0 else turns[0] - 1 if turns else float(deploy_id)
    after = turns[place] if place < len(turns) else before + 1
    service.store.deploys.update(deploy_id, turn=(before + after) / 2)
    _audit(service, caller, "move in queue", scope, "", {"deploy": deploy_id, "ahead of": ahead_of})


async def _require_expected(service: Service, order: Order, expected: str) -> None:
    config = service.apps.config(order.app)
    ref = resolve.named(service.store, order.app, order.environment, order.ref or config.branch)
    commit = await resolve.find(service.world.source(config), ref)
    if commit.sha != expected:
        raise Refused(
            "SH592",
            f"{ref} is at {commit.short} by now, not at {expected[:8]} as you were shown.",
            hint="Look at what goes in now, and order it again.",
            facts={"ref": ref, "sha": commit.sha, "expected": expected},
        )


def _require_free(service: Service, scope: Scope) -> None:
    for one in gates.queue(service.store, scope.app, service.lives, scope.environment):
        raise Refused(
            "SH501",
            f"{scope.environment} is locked by {described(one.deploy)}.",
            hint="Wait for it, or ask it to stop.",
            facts={"holder": one.deploy.id, "actor": one.deploy.order.actor},
        )


def _audit(
    service: Service, caller: Caller, act: str, scope: Scope, reason: str, facts: dict[str, Any]
) -> None:
    record(service.store, caller, act, scope, time.time(), reason=reason, facts=facts)


def _same(service: Service, made: tuple[int, str], digest: str) -> Deploy:
    number, first = made
    if first != digest:
        raise Refused(
            "SH581", f"this idempotency key made deploy {number}, by another order.", hint="Use a key once."
        )
    return records.get(service.store, number)


def _of(scope: Scope) -> tuple[str, str]:
    return scope.app, scope.environment
