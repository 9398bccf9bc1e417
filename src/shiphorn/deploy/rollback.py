"""Roll back: which release all hosts can go back to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shiphorn.deploy.deployment import Deployment
from shiphorn.errors import Refused
from shiphorn.model.deploy import Deploy, DeployState, Observed


async def choose(deployment: Deployment) -> str:
    """Choose the release: the one asked for, else the newest before the live one that all hosts keep.

    Releases of deploys that went wrong are not offered. Raises Refused SH513, SH514.
    """
    order, store = deployment.record.order, deployment.world.store
    observed = store.hosts.observed(order.app, order.environment)
    seen = [observed[target.host.name] for target in deployment.going() if target.host.name in observed]
    history = store.deploys.history(order.app, order.environment, limit=1000)
    live = Counter(one.release for one in seen if one.release).most_common(1)
    live_release = live[0][0] if live else ""
    release = order.ref or _before(live_release, seen, history)
    lacking = [one.host for one in seen if release not in one.releases]
    if lacking:
        raise Refused(
            "SH514",
            f"release {release} is not on {len(lacking)} of {len(seen)} hosts: {', '.join(lacking[:5])}.",
            hint=f"What they keep: horn releases {order.environment}",
        )
    deployment.change(
        release=release, sha=_sha(release, seen, history), from_sha=_sha(live_release, seen, history)
    )
    return f"from {live_release or 'nothing'} to {release}"


def _before(live: str, seen: list[Observed], history: Sequence[Deploy]) -> str:
    wrong = {one.release for one in history if one.state == DeployState.FAILED}
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


def _sha(release: str, seen: list[Observed], history: Sequence[Deploy]) -> str:
    known = [one.sha for one in history if one.release == release and one.sha]
    known += [one.sha for one in seen if one.release == release and one.sha]
    return known[0] if known else ""
