"""Counts for monitoring: of all that ever was, so that they go on rising when the service starts anew."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, func, select

from shiphorn.model.deploy import DeployState
from shiphorn.model.events import DeployFinished, Flipped, PhaseFinished
from shiphorn.store.patience import patient
from shiphorn.store.tables import deliveries, deploys, events

_MEASURED = (PhaseFinished.kind, Flipped.kind, DeployFinished.kind)


@patient
class Tallies:
    """Counts rows."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def ended(self) -> dict[tuple[str, str, DeployState], int]:
        """How many deploys are over, by app, environment and state. By an index alone."""
        which = (deploys.c.app, deploys.c.environment, deploys.c.state)
        query = select(*which, func.count()).group_by(*which)
        with self._database.connect() as connection:
            found = [(app, name, DeployState(state), n) for app, name, state, n in connection.execute(query)]
        return {(app, name, state): count for app, name, state, count in found if not state.active}

    def undelivered(self) -> int:
        """How many deliveries of webhooks are to be tried, or tried again."""
        query = select(func.count()).where(deliveries.c.next_at.is_not(None))
        with self._database.connect() as connection:
            return connection.execute(query).scalar() or 0

    def newest_event(self) -> int:
        """The highest number of an event; 0 when there is none."""
        with self._database.connect() as connection:
            return connection.execute(select(func.max(events.c.id))).scalar() or 0

    def measured(self, after: int) -> list[tuple[int, str, dict[str, Any]]]:
        """(number, kind, body) of events that time something, of those numbered above `after`."""
        query = (
            select(events.c.id, events.c.kind, events.c.body)
            .where(events.c.id > after, events.c.kind.in_(_MEASURED))
            .order_by(events.c.id)
        )
        with self._database.connect() as connection:
            return [(row.id, row.kind, row.body) for row in connection.execute(query)]
