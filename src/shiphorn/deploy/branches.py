"""Branches that are out: where another branch than the base branch goes, the environment is locked.

The lock is placed when the deploy has its turn, so that nobody is in between, and released when the base
branch is back. What releases it when the branch is merged is the service (`service.auto`).
"""

from __future__ import annotations

import re
import time
from contextlib import suppress

from shiphorn.deploy import gates
from shiphorn.deploy.deployment import Deployment
from shiphorn.engine.crashpoints import reach
from shiphorn.errors import SourceError
from shiphorn.model.deploy import DeployState, Kind
from shiphorn.model.graph import RefKind
from shiphorn.model.locks import Lock, Scope

_FULL_SHA = re.compile(r"[0-9a-f]{40}")


async def claim(deployment: Deployment) -> str:
    """Lock the environment for whoever deploys a branch to it: a note, "" when there is nothing to say.

    Done again for the same deploy it changes nothing. Raises what gates do when somebody else was first.
    """
    order, sha = deployment.record.order, deployment.record.sha
    if order.kind != Kind.DEPLOY or not deployment.config.branches(order.environment).lock:
        return ""
    if await _is_base(deployment, sha):
        return ""
    await _refreshed(deployment)
    if await _is_base(deployment, sha):
        return ""
    branch, scope = await _branch(deployment), Scope(order.app, order.environment)
    mine = _mine(deployment)
    if mine is not None and mine.branch in ("", branch):
        # One that was placed by hand stays as it is, and is for its owner to release.
        return f"branch {branch} is out" + ("" if mine.branch else ", the environment is locked already")
    placed = deployment.world.store.locks.place(
        scope,
        f"branch {branch} is out",
        order.actor,
        time.time(),
        instead_of=[mine] if mine is not None else [],
        why=f"branch {branch} takes its place",
        branch=branch,
    )
    reach("branch:locked")
    if placed is None and _mine(deployment) is None and not order.forced:
        # Somebody locked it after the gates were asked.
        return await gates.pass_all(deployment)
    return f"branch {branch} is out, the environment is locked for {order.actor}"


async def settle(deployment: Deployment, state: DeployState) -> None:
    """At the end of a deploy release its owner's lock, when no branch of theirs is live any more."""
    order, mine = deployment.record.order, _mine(deployment)
    if mine is None or not mine.branch or order.kind == Kind.CONVERGE:
        return
    live = _live(deployment, state)
    if live is None or (live and not await _is_base(deployment, live)):
        return
    base = deployment.config.base(order.environment)
    done = f"{base} is live again" if state == DeployState.SUCCEEDED else f"{mine.branch} did not go out"
    why = f"{done}: {order.kind} {deployment.id}"
    deployment.world.store.locks.release(mine.id, order.actor, why, time.time())
    reach("branch:released")


def _mine(deployment: Deployment) -> Lock | None:
    """The lock that whoever ordered the deploy has on the very environment."""
    order = deployment.record.order
    scope = Scope(order.app, order.environment)
    found = deployment.world.store.locks.in_force(time.time(), scope)
    return next(
        (one for one in found if one.scope == scope and one.deploy_id is None and one.owner == order.actor),
        None,
    )


def _live(deployment: Deployment, state: DeployState) -> str | None:
    """What all hosts run after the deploy, "" if nobody knows; None when they do not run the same."""
    record = deployment.record
    if state == DeployState.SUCCEEDED:
        return record.sha if record.order.selection.everything else None
    return record.from_sha if record.flip_at is None or state == DeployState.ROLLED_BACK else None


async def _is_base(deployment: Deployment, sha: str) -> bool:
    """Whether a commit is part of the base branch, as far as the mirror knows."""
    base = deployment.config.base(deployment.record.order.environment)
    try:
        head = await deployment.source.resolve(f"refs/heads/{base}")
    except SourceError:
        return False
    return await deployment.source.contains(head.sha, sha)


async def _refreshed(deployment: Deployment) -> None:
    """Bring a mirror up to date that may be older than the commit: it was named by its id, or elsewhere."""
    record, source = deployment.record, deployment.source
    if _FULL_SHA.fullmatch(record.order.ref) or not await source.has(record.sha):
        with suppress(SourceError):
            await source.refresh()


async def _branch(deployment: Deployment) -> str:
    """What people call it: the branch that was ordered, or the one that is at this commit."""
    ref, sha = deployment.record.order.ref, deployment.record.sha
    heads = {one.name: one.sha for one in (await deployment.source.refs()).all if one.kind == RefKind.BRANCH}
    if ref in heads:
        return ref
    at = sorted(name for name, head in heads.items() if head == sha)
    return at[0] if at else ref if ref and not _FULL_SHA.fullmatch(ref) else sha
