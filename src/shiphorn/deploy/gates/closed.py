"""What is closed: a locked environment, a commit that is marked bad, a freeze window."""

from __future__ import annotations

from collections.abc import Sequence

from shiphorn.model.deploy import Kind
from shiphorn.model.freezes import Freeze, in_force, opens_at
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.locks import BadMark, Lock, Scope
from shiphorn.model.times import exact
from shiphorn.store.store import Store


class Locked:
    """Refuses while a lock of somebody else's is in force, or one of a failed deploy."""

    name = "locked"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ask(self, question: Question) -> Answer:
        """Its answer. Of several locks the one that lasts longest is told; `horn locks` lists all."""
        order = question.order
        found = self._store.locks.in_force(question.at, Scope(order.app, order.environment))
        closed = [lock for lock in found if lock.refuses(order.actor, order.kind)]
        if not closed:
            own = next((lock for lock in found if lock.deploy_id is None and lock.owner == order.actor), None)
            return Answer(self.name, Verdict.PASS, "locked by you" if own else "not locked")
        first = max(closed, key=lambda lock: lock.until or float("inf"))
        more = f"; and {len(closed) - 1} more, see: horn locks" if len(closed) > 1 else ""
        how = first.unlock if first.deploy_id is not None else f"{first.unlock} --reason TEXT"
        reason = f"{described(first, question.at)}{more}"
        return Answer(self.name, Verdict.REFUSE, reason, first.cleared_by, how, first.until)


class MarkedBad:
    """Refuses a commit that somebody, or a failed deploy, has marked as bad."""

    name = "marked bad"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ask(self, question: Question) -> Answer:
        """Its answer. A converge passes: it brings hosts to what the others run, whatever that is."""
        order, sha = question.order, question.sha
        marks = self._store.marks.of_commit(order.app, sha) if sha else []
        if not marks or order.kind == Kind.CONVERGE:
            return Answer(self.name, Verdict.PASS, "not marked bad")
        reason = f"{sha[:8]} was marked bad by {_marked(marks[0], question.at)}"
        how = f"horn bad {sha[:12]} --clear --reason TEXT"
        return Answer(self.name, Verdict.REFUSE, reason, "anybody with a reason", how)


class Frozen:
    """Refuses deploys in the freeze windows of the environment."""

    name = "frozen"

    def __init__(self, freezes: Sequence[Freeze]) -> None:
        self._freezes = freezes

    async def ask(self, question: Question) -> Answer:
        """Its answer. The end is that of all windows that follow on each other, None if none is in sight."""
        order = question.order
        closed = in_force(self._freezes, question.at)
        if not closed:
            return Answer(self.name, Verdict.PASS, "not frozen")
        if order.kind != Kind.DEPLOY:
            return Answer(self.name, Verdict.PASS, f"frozen, but not for a {order.kind}")
        windows = " and ".join(f'"{one.reason}" ({one})' if one.reason else str(one) for one in closed)
        return Answer(
            self.name,
            Verdict.REFUSE,
            f"{order.environment} of {order.app} is frozen: {windows}",
            "whoever may override gates, with a reason",
            f"horn deploy {order.environment} --force REASON",
            opens_at(self._freezes, question.at),
        )


def described(lock: Lock, now: float) -> str:
    """`production of sample is locked by bob since 09:12 UTC, "the database moves"`."""
    return f'{lock.scope} is locked by {lock.by} since {exact(lock.placed_at, now)}, "{lock.reason}"'


def _marked(mark: BadMark, now: float) -> str:
    return f'{mark.by} at {exact(mark.marked_at, now)}, "{mark.reason}"'
