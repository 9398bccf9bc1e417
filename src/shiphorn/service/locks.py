"""Locks as people place and release them. Who has a lock may deploy; everybody else is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.deploy.gates import described
from shiphorn.errors import Refused
from shiphorn.model.locks import Lock, Scope
from shiphorn.model.times import ahead
from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class Placed:
    """A lock that was placed; those it was placed in place of; and narrower ones that stay below it."""

    lock: Lock
    released: Sequence[Lock]
    below: Sequence[Lock]


def place(
    store: Store,
    scope: Scope,
    reason: str,
    actor: str,
    now: float,
    *,
    until: float | None = None,
    steal: bool = False,
) -> Placed:
    """Place a lock. The actor's own one on the same scope is replaced by it.

    Where somebody else's lock covers the scope, only `steal` places one: theirs is released, which
    stays on record with the reason. Locks of others on parts of the scope stay in force beside it.
    Raises Refused SH542 (somebody else's lock), SH543 (no reason), SH546 (`until` has passed).
    """
    _require_reason(reason)
    if until is not None and until <= now:
        raise Refused("SH546", f"the lock would end before it begins: {ahead(until, now)}.")
    in_force = [lock for lock in store.locks.in_force(now) if lock.deploy_id is None]
    covering = [lock for lock in in_force if lock.scope.covers(scope)]
    others = [lock for lock in covering if lock.owner != actor]
    if others and not steal:
        raise _held(others[0], now)
    replaced = others + [lock for lock in covering if lock.owner == actor and lock.scope == scope]
    why = f"stolen by {actor}: {reason}" if others else "replaced by its owner"
    lock = store.locks.place(scope, reason, actor, now, until=until, instead_of=replaced, why=why)
    if lock is None:
        # Somebody placed one since we looked.
        return place(store, scope, reason, actor, now, until=until, steal=steal)
    below = [one for one in in_force if one.owner != actor and one not in covering]
    return Placed(lock, replaced, [one for one in below if scope.covers(one.scope)])


def release(store: Store, scope: Scope, actor: str, now: float, *, reason: str = "") -> list[Lock]:
    """Release the locks on a scope, those of failed deploys too.

    Raises Refused SH544 (there is none), SH545 (it is somebody else's, and no reason is given).
    """
    covering = store.locks.in_force(now, scope)
    found = [lock for lock in covering if lock.scope == scope]
    if not found:
        raise _not_locked(scope, covering, now)
    for lock in found:
        if lock.deploy_id is None and lock.owner != actor and not reason.strip():
            raise Refused(
                "SH545",
                f"{described(lock, now)}.",
                hint=f"It is not yours. Say why you release it: {lock.unlock} --reason TEXT",
                facts={"lock": lock.id, "owner": lock.owner},
            )
    return [lock for lock in found if store.locks.release(lock.id, actor, reason.strip(), now)]


def listed(store: Store, now: float, *, history: bool = False) -> list[Lock]:
    """The locks in force, the oldest first; or the last ones of all, the newest first."""
    return store.locks.history() if history else store.locks.in_force(now)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("SH543", "a lock needs a reason.", hint="Whoever meets it will read it: --reason TEXT")


def _held(lock: Lock, now: float) -> Refused:
    until = f", until {ahead(lock.until, now)}" if lock.until is not None else ""
    return Refused(
        "SH542",
        f"{described(lock, now)}{until}.",
        hint=f"Ask {lock.owner}; or take it over, on record: --steal --reason TEXT",
        facts={"lock": lock.id, "owner": lock.owner, "reason": lock.reason, "until": lock.until},
    )


def _not_locked(scope: Scope, covering: Sequence[Lock], now: float) -> Refused:
    if not covering:
        return Refused("SH544", f"{scope} is not locked.", hint="See what is: horn locks")
    lock = covering[0]
    return Refused(
        "SH544",
        f"{scope} has no lock of its own, but {described(lock, now)}.",
        hint=f"To release that: {lock.unlock}",
    )
