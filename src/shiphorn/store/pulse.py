"""Whether anything changed, asked cheaply: by whoever shows all apps, once a second."""

from __future__ import annotations

from sqlalchemy import Engine, func, or_, select

from shiphorn.model.deploy import DeployState
from shiphorn.store.patience import patient
from shiphorn.store.tables import (
    approvals,
    auto_deploys,
    bad_marks,
    commit_statuses,
    deploys,
    events,
    locks,
)

_ACTIVE = tuple(state for state in DeployState if state.active)
_MOVING = (deploys.c.id, deploys.c.state, deploys.c.phase, deploys.c.wave, deploys.c.wish, deploys.c.turn)


@patient
class Pulse:
    """Reads what stands for the state of all deploys and locks."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def taken(self, now: float) -> str:
        """A text that is another one when a deploy, a lock, a mark, an approval, a build or what goes out by
        itself has changed.

        It reads by indexes alone: the newest numbers, the deploys under way, the locks in force. Of what goes
        out by itself there is a row an environment.
        """
        newest = [select(func.max(table.c.id)) for table in (deploys, events, bad_marks, approvals)]
        # What builds say may be told late; most of it is newer than what is known.
        newest.append(select(func.max(commit_statuses.c.at)))
        under_way = select(*_MOVING).where(deploys.c.state.in_(_ACTIVE))
        in_force = (
            select(locks.c.id)
            .where(locks.c.released_at.is_(None), or_(locks.c.until.is_(None), locks.c.until > now))
            .order_by(locks.c.id)
        )
        cleared = select(func.max(bad_marks.c.cleared_at))
        auto = select(func.max(auto_deploys.c.at), func.sum(func.length(auto_deploys.c.branch)))
        with self._database.connect() as connection:
            # Were it told to sort, SQLite would rather read all deploys in their order.
            parts = [
                sorted((tuple(row) for row in connection.execute(query)), key=repr)
                for query in (*newest, under_way, in_force, cleared, auto)
            ]
        return repr(parts)
