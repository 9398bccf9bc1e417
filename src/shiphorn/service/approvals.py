"""Approvals as people give them and take them back: for a deploy that waits, or for a commit ahead of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shiphorn.config.gates import ApprovalEntry
from shiphorn.config.load import Config, load_text
from shiphorn.deploy import resolve
from shiphorn.deploy.gates import Setting
from shiphorn.deploy.gates.approval import hosts_of
from shiphorn.deploy.world import World
from shiphorn.errors import NotFound, Refused
from shiphorn.model.approvals import Approval
from shiphorn.model.deploy import Deploy, Kind, Order
from shiphorn.model.gates import Verdict
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service.access import require
from shiphorn.service.audit import record
from shiphorn.service.deploys.course import Course
from shiphorn.service.service import Service
from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class Subject:
    """What is approved: the order, with the commit that it is about. `deploy_id` is 0 for one to come."""

    config: Config
    order: Order
    sha: str
    deploy_id: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a deploy that wants approvals stands: who gave some, and what the caller may do about it."""

    given: Sequence[Approval]
    may_give: bool
    may_withdraw: bool


async def approve(service: Service, caller: Caller, deploy_id: int, reason: str = "") -> Approval:
    """Approve a deploy under way. It is told at once, and goes on by itself.

    Raises NotFound SH522, Forbidden SH550, Refused SH900 to SH903, ConfigError.
    """
    deploy = service.deploy(caller, deploy_id, Role.DEPLOYER)
    given = await give(service.world, of_deploy(deploy), caller.name, reason)
    audit(service.store, caller, given, deploy_id)
    service.news.tell()
    return given


async def approve_commit(service: Service, caller: Caller, order: Order, reason: str = "") -> Approval:
    """Approve ahead of its order that a commit, by any ref, goes out.

    Raises NotFound SH580, Forbidden SH550, Refused SH900, ConfigError, SourceError.
    """
    scope = Scope(order.app, order.environment)
    service.config(caller, order.app, order.environment)
    require(caller, Role.DEPLOYER, scope, f"approve what goes to {scope}")
    config, ref = await service.apps.config_at(service.world, order.app, order.environment, order.ref)
    subject = await of_ref(service.world, config, replace(order, ref=ref))
    given = await give(service.world, subject, caller.name, reason)
    audit(service.store, caller, given, 0)
    service.news.tell()
    return given


def withdraw(service: Service, caller: Caller, deploy_id: int, reason: str = "") -> None:
    """Take back one's approval of the commit of a deploy. Raises as `approve`, Refused SH904."""
    deploy = service.deploy(caller, deploy_id, Role.DEPLOYER)
    order = deploy.order
    taken(service.store, order, deploy.sha, caller.name)
    audit_withdrawn(service.store, caller, order, deploy.sha, reason, deploy_id)


async def withdraw_commit(service: Service, caller: Caller, order: Order, reason: str = "") -> None:
    """Take back one's approvals of a commit, by any ref. Raises as `approve_commit`, Refused SH904."""
    scope = Scope(order.app, order.environment)
    config = service.config(caller, order.app, order.environment)
    require(caller, Role.DEPLOYER, scope, f"approve what goes to {scope}")
    sha = (await of_ref(service.world, config, order)).sha
    taken(service.store, order, sha, caller.name)
    audit_withdrawn(service.store, caller, order, sha, reason, 0)


async def listed(service: Service, caller: Caller, order: Order) -> Sequence[Approval]:
    """The approvals of a commit, by any ref, that are in force. Raises NotFound SH580, SourceError."""
    config = service.config(caller, order.app, order.environment)
    sha = (await of_ref(service.world, config, order)).sha
    return service.store.approvals.of_commit(order.app, order.environment, sha, time.time())


def wanted(service: Service, caller: Caller, deploy: Deploy, course: Course) -> Wanted | None:
    """How a deploy stands that wants approvals now; None for one that does not."""
    order = deploy.order
    if not deploy.state.active or not any(
        one.gate == "approval" and one.verdict == Verdict.WAIT for one in course.answers
    ):
        return None
    given = service.store.approvals.of_commit(order.app, order.environment, deploy.sha, time.time())
    mine = any(one.actor == caller.name for one in given)
    may = caller.may(Role.DEPLOYER, Scope(order.app, order.environment))
    return Wanted(given, may and not mine and caller.name != order.actor, may and mine)


def of_deploy(deploy: Deploy) -> Subject:
    """What is approved with a deploy under way. Raises Refused SH902, SH903, ConfigError."""
    if not deploy.state.active:
        raise Refused("SH903", f"deploy {deploy.id} is over already: it {deploy.state}.")
    if not deploy.sha:
        raise Refused(
            "SH902", f"deploy {deploy.id} has not found its commit yet.", hint="Try again in a moment."
        )
    config = load_text(deploy.config_text, Path(deploy.config_path))
    return Subject(config, deploy.order, deploy.sha, deploy.id)


async def of_ref(world: World, config: Config, order: Order) -> Subject:
    """What is approved with a ref. Raises SourceError, Refused SH511."""
    config.environment(order.environment)
    ref = resolve.named(world.store, order.app, order.environment, order.ref or config.branch)
    return Subject(config, order, (await resolve.find(world.source(config), ref)).sha)


async def give(world: World, subject: Subject, actor: str, reason: str) -> Approval:
    """Put an approval on record, for the hosts that the order names now.

    Raises Refused SH900 (none is wanted there), SH901 (it is the actor's own order), ConfigError.
    """
    order = subject.order
    entry = _entry(subject)
    if subject.deploy_id and order.actor == actor:
        raise Refused(
            "SH901",
            f"{actor} ordered deploy {subject.deploy_id}: somebody else has to approve it.",
            hint=f"Whoever may deploy to {order.environment}: horn approve {subject.deploy_id}",
        )
    hosts = await hosts_of(Setting(world, subject.config, order.environment), order.selection)
    now = time.time()
    return world.store.approvals.give(
        Approval(
            0,
            order.app,
            order.environment,
            subject.sha,
            order.selection,
            hosts,
            actor,
            reason.strip(),
            now,
            now + entry.expires,
        )
    )


def taken(store: Store, order: Order, sha: str, actor: str) -> None:
    """Take back what somebody approved. Raises Refused SH904 when there is nothing."""
    if not sha or not store.approvals.withdraw(order.app, order.environment, sha, actor, time.time()):
        raise Refused("SH904", f"{actor} has not approved {sha[:8] or 'it'} for {order.environment}.")


def _entry(subject: Subject) -> ApprovalEntry:
    order = subject.order
    try:
        entry = subject.config.gates(order.environment).approval
    except KeyError:
        raise NotFound("SH580", f"there is no environment {order.environment}.") from None
    if entry is None or order.kind != Kind.DEPLOY:
        raise Refused(
            "SH900",
            f"a {order.kind} to {order.environment} takes no approval.",
            hint="Its config asks for none: gates, approval.",
        )
    return entry


def audit(store: Store, caller: Caller, given: Approval, deploy_id: int) -> None:
    """Write down that somebody approved."""
    facts = {
        "sha": given.sha,
        "hosts": str(given.selection),
        "expires": given.expires_at,
        "deploy": deploy_id or None,
    }
    record(
        store,
        caller,
        "approve",
        Scope(given.app, given.environment),
        given.at,
        reason=given.reason,
        facts=facts,
    )


def audit_withdrawn(
    store: Store, caller: Caller, order: Order, sha: str, reason: str, deploy_id: int
) -> None:
    """Write down that somebody took an approval back."""
    scope, facts = Scope(order.app, order.environment), {"sha": sha, "deploy": deploy_id or None}
    record(store, caller, "withdraw approval", scope, time.time(), reason=reason, facts=facts)
