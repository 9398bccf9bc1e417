"""How far notifiers, and other followers of events, are with what they tell, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, delete, func, not_, select, update

from shiphorn.model.locks import Scope
from shiphorn.model.notices import Standing
from shiphorn.model.webhooks import Happened
from shiphorn.store.patience import patient
from shiphorn.store.tables import deploys, events, notified
from shiphorn.store.upsert import insert_missing
from shiphorn.store.webhooks import OVERLAP

AT_ONCE = 500
"""So many events are looked at together."""


@patient
class Notified:
    """The table of notifiers. What they are is in shiphorn.yml: a row keeps no more than their place.

    Other followers of events have rows with names that begin with a prefix of theirs, such as `metrics:`.
    """

    def __init__(self, database: Engine) -> None:
        self._database = database

    def keep(self, names: Collection[str], prefix: str = "") -> None:
        """Have a place for each of these, from now on for one that is new, and none for others of the prefix.

        `names` are whole names: they begin with the prefix, which ends in `:`. Notifiers have neither.
        """
        others = (notified.c.name.not_in(list(names)), _has(prefix))
        with self._database.begin() as connection:
            connection.execute(delete(notified).where(*others))
            newest = connection.execute(select(func.max(events.c.id))).scalar() or 0
            if names:
                insert_missing(connection, notified, [_new(name, newest) for name in names])

    def listed(self) -> dict[str, Standing]:
        """How each of them stands, by name."""
        with self._database.connect() as connection:
            return {row.name: _standing(row) for row in connection.execute(select(notified))}

    def unseen(self, standing: Standing, kinds: Sequence[str]) -> list[Happened]:
        """The first events of these kinds that were not looked at for a notifier."""
        since = max(standing.began, standing.seen - OVERLAP)
        of_kind = (events.c.id > since, events.c.kind.in_(kinds))
        with self._database.connect() as connection:
            new = connection.execute(select(events.c.id).where(*of_kind)).scalars().all()
            wanted = sorted(set(new) - standing.known)[:AT_ONCE]
            query = (
                select(events, deploys.c.app, deploys.c.environment)
                .join(deploys)
                .where(events.c.id.in_(wanted))
                .order_by(events.c.id)
            )
            return [_happened(row) for row in connection.execute(query)] if wanted else []

    def claim(self, standing: Standing, until: float) -> bool:
        """Take it on oneself to tell a notifier; False when another process has done so.

        Whoever does and is not heard of `until` then has died, and others may.
        """
        mine = (notified.c.name == standing.name, notified.c.free_at == standing.free_at)
        with self._database.begin() as connection:
            return connection.execute(update(notified).where(*mine).values(free_at=until)).rowcount == 1

    def look_on(self, name: str, looked_at: Collection[int]) -> None:
        """These events are done with, told or not."""
        mine = notified.c.name == name
        with self._database.begin() as connection:
            row = connection.execute(select(notified.c.seen, notified.c.known).where(mine)).first()
            if row is None or not looked_at:
                return
            seen = max(row.seen, *looked_at)
            known = sorted(one for one in {*row.known, *looked_at} if one > seen - OVERLAP)
            connection.execute(update(notified).where(mine).values(seen=seen, known=known))

    def free(self, name: str, at: float) -> None:
        """Let others, or oneself, tell it something again from then on."""
        with self._database.begin() as connection:
            connection.execute(update(notified).where(notified.c.name == name).values(free_at=at))

    def took(self, name: str, now: float) -> None:
        """It took what it was told."""
        values = {"told_at": now, "failures": 0}
        with self._database.begin() as connection:
            connection.execute(update(notified).where(notified.c.name == name).values(values))

    def refused(self, name: str, failures: int, problem: str, now: float) -> None:
        """It did not take what it was told, for so many times in a row."""
        values = {"failed_at": now, "failures": failures, "problem": problem}
        with self._database.begin() as connection:
            connection.execute(update(notified).where(notified.c.name == name).values(values))

    def first(self, deploy_id: int, kind: str, phase: str = "") -> int | None:
        """The number of a deploy's first event of a kind, and of a phase if there is to be one."""
        mine = (events.c.deploy_id == deploy_id, events.c.kind == kind)
        query = select(events.c.id, events.c.body).where(*mine).order_by(events.c.id)
        with self._database.connect() as connection:
            found = connection.execute(query)
            return next((row.id for row in found if phase in ("", row.body.get("phase"))), None)


def _has(prefix: str) -> ColumnElement[bool]:
    """Whether a row is of those with a prefix; with "", of those without any."""
    if not prefix:
        return not_(notified.c.name.contains(":", autoescape=True))
    return notified.c.name.startswith(prefix, autoescape=True)


def _new(name: str, newest: int) -> dict[str, Any]:
    return {
        "name": name,
        "began": newest,
        "seen": newest,
        "known": [],
        "free_at": 0.0,
        "failures": 0,
        "problem": "",
    }


def _standing(row: Row[Any]) -> Standing:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return Standing(**values | {"known": frozenset(values["known"])})


def _happened(row: Row[Any]) -> Happened:
    return Happened(row.id, row.deploy_id, row.kind, row.at, row.body, Scope(row.app, row.environment))
