"""The queue of an environment: whose turn it is, and who is pushed out."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from shiphorn.errors import Refused
from shiphorn.model.deploy import Deploy, DeployState, Kind, Order
from shiphorn.store.store import Store

SUPERSEDED = "SH541"
"""The code of the error that ends a deploy which a newer one pushed out of the queue."""


def before(store: Store, mine: Deploy, lives: Callable[[str], bool]) -> tuple[Deploy | None, str]:
    """The living deploy that this one comes right behind, None when it is its turn; and a note.

    `lives` tells whether an executor still runs. A deploy in the way that died before its flip is
    abandoned: its token is lower, so hosts will not take orders from it again. One that died at its
    flip is not ours to guess about. Raises Refused SH502 for it.
    """
    order = mine.order
    mine = store.deploys.get(mine.id) or mine
    number, note = store.deploys.holder(order.app, order.environment), ""
    if number == mine.id:
        return None, ""
    holder = store.deploys.get(number) if number is not None else None
    if holder is not None and not holder.state.active and not lives(holder.executor):
        # It died between saying how it ended and letting go.
        store.deploys.unlock(holder.id)
    last: Deploy | None = None
    for other in store.deploys.active(order.app, order.environment):
        holds = other.id == number
        if not holds and other.place >= mine.place:
            continue
        if not lives(other.executor):
            if _abandon(store, other, mine, holds=holds) and holds:
                note = f"took over from {described(other)}, which died before its flip"
        elif holds:
            last = last or other
        elif other.state == DeployState.QUEUED:
            last = other
    return last, note


def push_out(store: Store, mine: Deploy, lives: Callable[[str], bool]) -> None:
    """End the queued deploys that this one makes needless.

    Raises Refused SH541 if a living one that is newer makes this one so.
    """
    order = mine.order
    holder = store.deploys.holder(order.app, order.environment)
    for other in store.deploys.active(order.app, order.environment):
        waits = other.state == DeployState.QUEUED
        stands = waits or other.id == holder
        if other.id < mine.id and waits and supersedes(order, other.order):
            store.deploys.end_as_seen(
                other,
                state=DeployState.SUPERSEDED,
                finished_at=time.time(),
                code=SUPERSEDED,
                message=_superseded_by(mine),
            )
        elif other.id > mine.id and stands and supersedes(other.order, order) and lives(other.executor):
            raise Refused(SUPERSEDED, _superseded_by(other))


def supersedes(newer: Order, older: Order) -> bool:
    """Whether a newer order makes an older one needless, so that it need not have its turn.

    Only deploys are needless: whoever wants to roll back wants it now. And only what goes to the
    same hosts, or to all of them, stands in for the older one.
    """
    if older.kind != Kind.DEPLOY or newer.kind == Kind.CONVERGE:
        return False
    return newer.selection.everything or newer.selection == older.selection


def described(deploy: Deploy) -> str:
    """`deploy 12 of main by ada since 12:03 UTC`, and that it is paused."""
    since = datetime.fromtimestamp(deploy.started_at, UTC)
    what = f" of {deploy.order.ref}" if deploy.order.ref else ""
    paused = " (paused)" if deploy.state == DeployState.PAUSED else ""
    return f"{deploy.order.kind} {deploy.id}{what} by {deploy.order.actor} since {since:%H:%M} UTC{paused}"


def _superseded_by(newer: Deploy) -> str:
    return f"{described(newer)} came while it waited, and goes in its place."


def _abandon(store: Store, dead: Deploy, mine: Deploy, *, holds: bool) -> bool:
    """End a deploy whose process died; False when somebody else did, or resumed it."""
    if dead.flip_at is not None:
        if not holds:
            return False
        raise Refused(
            "SH502",
            f"{described(dead)} died while it switched {dead.order.environment}.",
            hint=f"Bring it to its end first: horn resume {dead.id}",
            facts={"holder": dead.id},
        )
    what = "while it waited" if dead.state == DeployState.QUEUED else "before the flip"
    return store.deploys.end_as_seen(
        dead,
        state=DeployState.ABANDONED,
        finished_at=time.time(),
        code="SH605",
        message=f"its process died {what}; deploy {mine.id} took over",
    )
