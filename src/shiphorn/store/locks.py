"""Locks of people and of failed deploys. A row is never deleted: released ones are the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from shiphorn.model.locks import Lock, Scope
from shiphorn.store.patience import patient
from shiphorn.store.tables import locks


@patient
class Locks:
    """The table of locks."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def place(
        self,
        scope: Scope,
        reason: str,
        owner: str,
        now: float,
        *,
        until: float | None = None,
        instead_of: Sequence[Lock] = (),
        why: str = "",
        branch: str = "",
    ) -> Lock | None:
        """Place a person's lock, and release others for it: all of that, or nothing. `branch` is what is out.

        Gives None, and changes nothing, when a person's lock on the very same scope is in force.
        """
        values = _values(scope, reason, owner, now) | {"until": until, "branch": branch}
        try:
            with self._database.begin() as connection:
                # Before anything is read: SQLite lets the next writer wait from the first write on.
                _expire(connection, scope, now)
                for old in instead_of:
                    _release(connection, old.id, owner, why, now)
                key = connection.execute(insert(locks).values(values)).inserted_primary_key
        except IntegrityError:
            return None
        return Lock(key[0] if key else 0, **values)

    def place_for_deploy(self, scope: Scope, reason: str, deploy_id: int, now: float) -> Lock:
        """Place the lock of a failed deploy; a second call gives the first one's, released or not."""
        for lock in self._select(locks.c.deploy_id == deploy_id):
            return lock
        values = _values(scope, reason, "", now) | {"deploy_id": deploy_id}
        with self._database.begin() as connection:
            key = connection.execute(insert(locks).values(values)).inserted_primary_key
        return Lock(key[0] if key else 0, **values)

    def release(self, lock_id: int, by: str, reason: str, now: float) -> bool:
        """Release a lock. False when somebody else did so before."""
        with self._database.begin() as connection:
            return _release(connection, lock_id, by, reason, now)

    def in_force(self, now: float, within: Scope | None = None) -> list[Lock]:
        """The locks in force, all of them or those that cover a scope; the oldest first."""
        found = self._select(locks.c.released_at.is_(None))
        return [
            lock for lock in found if lock.in_force(now) and (within is None or lock.scope.covers(within))
        ]

    def last_branch(self, scope: Scope) -> Lock | None:
        """The last lock of an environment that was placed for a branch, in force or not."""
        mine = (locks.c.app == scope.app) & (locks.c.environment == scope.environment)
        query = select(locks).where(mine, locks.c.branch != "").order_by(locks.c.id.desc()).limit(1)
        with self._database.connect() as connection:
            row = connection.execute(query).first()
        return _lock(row) if row is not None else None

    def history(self, *, limit: int = 100) -> list[Lock]:
        """The last locks, in force or not, the newest first."""
        query = select(locks).order_by(locks.c.id.desc()).limit(limit)
        with self._database.connect() as connection:
            return [_lock(row) for row in connection.execute(query)]

    def _select(self, *wanted: ColumnElement[bool]) -> list[Lock]:
        query = select(locks).where(*wanted).order_by(locks.c.id)
        with self._database.connect() as connection:
            return [_lock(row) for row in connection.execute(query)]


def _values(scope: Scope, reason: str, owner: str, now: float) -> dict[str, Any]:
    return {
        "app": scope.app,
        "environment": scope.environment,
        "reason": reason,
        "owner": owner,
        "placed_at": now,
        "released_by": "",
        "release_reason": "",
    }


def _release(connection: Connection, lock_id: int, by: str, reason: str, now: float) -> bool:
    released = connection.execute(
        update(locks)
        .where(locks.c.id == lock_id, locks.c.released_at.is_(None))
        .values(released_at=now, released_by=by, release_reason=reason)
    )
    return released.rowcount == 1


def _expire(connection: Connection, scope: Scope, now: float) -> None:
    """Write down that locks of a scope have expired: what is in force is unique in it."""
    connection.execute(
        update(locks)
        .where(
            locks.c.app == scope.app,
            locks.c.environment == scope.environment,
            locks.c.released_at.is_(None),
            locks.c.until <= now,
        )
        .values(released_at=locks.c.until, release_reason="expired")
    )


def _lock(row: Row[Any]) -> Lock:
    return Lock(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
