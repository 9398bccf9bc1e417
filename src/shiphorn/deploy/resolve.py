"""Resolve: from what a person named to one commit and one release id."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from shiphorn.deploy.deployment import Deployment
from shiphorn.errors import Refused
from shiphorn.model.deploy import Deploy, DeployState, Order
from shiphorn.model.release import Commit, release_id
from shiphorn.ports import Source
from shiphorn.store.store import Store

_FULL_SHA = re.compile(r"[0-9a-f]{40}")
LIVE, PREVIOUS = ":live", ":previous"


async def commit(deployment: Deployment) -> str:
    """Find the commit, and give the release its id."""
    order, store = deployment.record.order, deployment.world.store
    live = live_sha(store, order.app, order.environment)
    ref = named(store, order.app, order.environment, order.ref or deployment.config.branch)
    found = await find(deployment.source, ref)
    deployment.change(sha=found.sha, from_sha=live, release=next_release(store, order))
    return f"{found.short} {found.subject}"


def again(deployment: Deployment) -> None:
    """Look up anew what other deploys may have changed since: what is live, and how new releases are."""
    record, store = deployment.record, deployment.world.store
    order = record.order
    deployment.change(from_sha=live_sha(store, order.app, order.environment))
    if record.release <= _newest(store, order.app, order.environment, but=record.id):
        deployment.change(release=next_release(store, order))


async def find(source: Source, ref: str) -> Commit:
    """The commit of a ref, from a mirror that is as new as need be. Raises SourceError."""
    if not (_FULL_SHA.fullmatch(ref) and await source.has(ref)):
        await source.refresh()
    return await source.resolve(ref)


def named(store: Store, app: str, environment: str, ref: str) -> str:
    """What `:live` and `:previous` mean in an environment; any other ref as it is. Raises Refused SH511."""
    if ref not in (LIVE, PREVIOUS):
        return ref
    shipped = _shipped(store, app, environment)
    live = live_sha(store, app, environment)
    before = next((deploy.sha for deploy in shipped if deploy.sha != live), "")
    sha = live if ref == LIVE else before
    if not sha:
        raise Refused(
            "SH511",
            f"no deploy of {app} to {environment} is on record that {ref} could mean.",
            hint="Name a branch, a tag or a commit.",
        )
    return sha


def next_release(store: Store, order: Order) -> str:
    """An id for a release made now, later than all that are known of."""
    return release_id(
        datetime.fromtimestamp(time.time(), UTC), after=_newest(store, order.app, order.environment)
    )


def live_sha(store: Store, app: str, environment: str) -> str:
    """The commit that an environment runs, as far as is known: by its last deploy, else as seen."""
    shipped = _shipped(store, app, environment)
    if shipped:
        return shipped[0].sha
    seen = [one.sha for one in store.hosts.observed(app, environment).values() if one.sha]
    return max(seen, key=seen.count, default="")


def _shipped(store: Store, app: str, environment: str) -> list[Deploy]:
    history = store.deploys.history(app, environment, limit=1000)
    return [deploy for deploy in history if deploy.state == DeployState.SUCCEEDED]


def _newest(store: Store, app: str, environment: str, *, but: int = 0) -> str:
    history = store.deploys.history(app, environment, limit=1000)
    used = [deploy.release for deploy in history if deploy.id != but]
    seen = [name for one in store.hosts.observed(app, environment).values() for name in one.releases]
    return max(used + seen, default="")
