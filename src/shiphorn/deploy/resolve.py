"""Resolve: from what a person named to one commit and one release id; for a rollback, to a kept release."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from shiphorn.deploy.deployment import Deployment
from shiphorn.deploy.queue import SUPERSEDED, described
from shiphorn.errors import Refused
from shiphorn.model.deploy import Deploy, DeployState, Kind, Observed, Order
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
    """Look up anew, when it is a deploy's turn, what others may have changed since it was resolved.

    A release made now is to be the newest. A converge has nothing to do any more, and raises
    Refused SH541, when another release went to all hosts, or to some of them since it was ordered.
    """
    record, store = deployment.record, deployment.world.store
    order = record.order
    if order.kind == Kind.CONVERGE:
        _require_intended(deployment)
    if order.kind != Kind.DEPLOY:
        return
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
    found = shipped(store, app, environment)
    live = live_sha(store, app, environment)
    before = next((deploy.sha for deploy in found if deploy.sha != live), "")
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
    found = shipped(store, app, environment)
    if found:
        return found[0].sha
    seen = [one.sha for one in store.hosts.observed(app, environment).values() if one.sha]
    return max(seen, key=seen.count, default="")


async def kept_release(deployment: Deployment) -> str:
    """Find the release to go back to: the one asked for, else the newest before that all hosts keep.

    Releases of deploys that went wrong are not offered. Raises Refused SH513, SH514.
    """
    order, store = deployment.record.order, deployment.world.store
    observed = store.hosts.observed(order.app, order.environment)
    seen = [observed[target.host.name] for target in deployment.going() if target.host.name in observed]
    release, sha, live, from_sha = to_go_back_to(store, order, seen)
    deployment.change(release=release, sha=sha, from_sha=from_sha)
    return f"from {live or 'nothing'} to {release}"


def to_go_back_to(store: Store, order: Order, seen: Sequence[Observed]) -> tuple[str, str, str, str]:
    """The release that a rollback goes to and its commit, and those that are live, by what hosts keep.

    Raises Refused SH513, SH514.
    """
    history = store.deploys.history(order.app, order.environment, limit=1000)
    live = Counter(one.release for one in seen if one.release).most_common(1)
    live_release = live[0][0] if live else ""
    release = order.ref or before(live_release, seen, history)
    lacking = [one.host for one in seen if release not in one.releases]
    if lacking:
        raise Refused(
            "SH514",
            f"release {release} is not on {len(lacking)} of {len(seen)} hosts: {', '.join(lacking[:5])}.",
            hint=f"What they keep: horn releases {order.environment}",
        )
    return (
        release,
        sha_of(release, seen, history),
        live_release,
        sha_of(live_release, seen, history),
    )


async def intended_release(deployment: Deployment) -> str:
    """Find the commit of the release that hosts are to catch up with. Raises Refused SH515."""
    order = deployment.record.order
    found = await find(deployment.source, sha_to_catch_up_with(deployment.world.store, order))
    deployment.change(release=order.ref, sha=found.sha)
    return f"{found.short} {found.subject}"


def sha_to_catch_up_with(store: Store, order: Order) -> str:
    """The commit of the release that a converge is about. Raises Refused SH515."""
    sha = sha_of(order.ref, [], store.deploys.history(order.app, order.environment, limit=1000))
    if not sha:
        raise Refused("SH515", f"no deploy of {order.app} to {order.environment} made release {order.ref}.")
    return sha


def _require_intended(deployment: Deployment) -> None:
    record = deployment.record
    order = record.order
    for one in shipped(deployment.world.store, order.app, order.environment):
        if one.release == order.ref:
            return
        lately = (one.finished_at or 0.0) >= record.started_at
        if one.order.kind != Kind.CONVERGE and (lately or one.order.selection.everything):
            raise Refused(
                SUPERSEDED,
                f"{described(one)} went out since: the hosts are to run {one.release}, not {order.ref}.",
                hint=f"See what they run, and bring them to it: horn converge {order.environment}",
            )


def shipped(store: Store, app: str, environment: str) -> list[Deploy]:
    """The deploys that went well, the last one first: they get their tokens in the order of their turns."""
    history = store.deploys.history(app, environment, limit=1000)
    good = [deploy for deploy in history if deploy.state == DeployState.SUCCEEDED]
    return sorted(good, key=lambda deploy: deploy.token, reverse=True)


def _newest(store: Store, app: str, environment: str, *, but: int = 0) -> str:
    history = store.deploys.history(app, environment, limit=1000)
    used = [deploy.release for deploy in history if deploy.id != but]
    seen = [name for one in store.hosts.observed(app, environment).values() for name in one.releases]
    return max(used + seen, default="")


def before(live: str, seen: Sequence[Observed], history: Sequence[Deploy]) -> str:
    """The newest good release before the live one that all hosts keep. Raises Refused SH513."""
    wrong = {one.release for one in history if one.state in (DeployState.FAILED, DeployState.ROLLED_BACK)}
    good = {one.release for one in history if one.state == DeployState.SUCCEEDED}
    kept = set.intersection(*(set(one.releases) for one in seen)) if seen else set()
    release = max((name for name in kept - (wrong - good) if name < live), default="")
    if not release:
        raise Refused(
            "SH513",
            f"the hosts keep no release before {live or 'the first'} that all of them could go back to.",
            hint="Deploy an older commit instead: horn deploy APP@COMMIT to ENVIRONMENT",
        )
    return release


def sha_of(release: str, seen: Sequence[Observed], history: Sequence[Deploy]) -> str:
    """The commit of a release, by the deploys that made it or as hosts said; "" when nobody knows."""
    known = [one.sha for one in history if one.release == release and one.sha]
    known += [one.sha for one in seen if one.release == release and one.sha]
    return known[0] if known else ""
