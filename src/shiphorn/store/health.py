"""What each check of each host came to, by deploy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Engine, Integer, Row, cast, func, select

from shiphorn.model.health import Health, Outcome, Verdict
from shiphorn.store.patience import patient
from shiphorn.store.tables import health
from shiphorn.store.upsert import insert_or_update

_KEY = ("deploy_id", "host", "position")


@patient
class HealthRecord:
    """The table of checks. What comes in must be redacted already."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def save(self, deploy_id: int, seen: Iterable[Health]) -> None:
        """Write how some checks stand."""
        rows = [_values(deploy_id, one) for one in seen]
        if not rows:
            return
        changed = [name for name in rows[0] if name not in _KEY]
        with self._database.begin() as connection:
            insert_or_update(connection, health, rows, changed)

    def of_deploy(self, deploy_id: int, host: str | None = None) -> list[Health]:
        """How the checks of a deploy stand, or of one of its hosts: by host, in the order of the config."""
        query = (
            select(health).where(health.c.deploy_id == deploy_id).order_by(health.c.host, health.c.position)
        )
        if host is not None:
            query = query.where(health.c.host == host)
        with self._database.connect() as connection:
            return [_health(row) for row in connection.execute(query)]

    def counts(self, deploy_id: int) -> list[tuple[int, str, Outcome, Verdict, int]]:
        """(position, a name, outcome, baseline, hosts) of a deploy's checks, in the order of the config."""
        key = (health.c.position, health.c.outcome, health.c.baseline)
        query = (
            select(
                health.c.position,
                func.min(health.c.name),
                health.c.outcome,
                health.c.baseline,
                func.count(),
            )
            .where(health.c.deploy_id == deploy_id)
            .group_by(*key)
            .order_by(*key)
        )
        with self._database.connect() as connection:
            return [
                (position, name, Outcome(outcome), Verdict(baseline), count)
                for position, name, outcome, baseline, count in connection.execute(query)
            ]

    def unwell(self, deploy_id: int, limit: int) -> list[Health]:
        """The checks of a deploy that are not healthy, those that were decided first."""
        query = (
            select(health)
            .where(health.c.deploy_id == deploy_id, health.c.outcome != Outcome.HEALTHY)
            .order_by(health.c.outcome == Outcome.WATCHING, health.c.host, health.c.position)
            .limit(limit)
        )
        with self._database.connect() as connection:
            return [_health(row) for row in connection.execute(query)]

    def decided(self, deploy_id: int, since: float) -> list[tuple[int, Outcome, int]]:
        """(tenths of a second since a moment, outcome, checks) of a deploy's checks as they were decided."""
        after = cast((health.c.seen_at - since) * 10, Integer)
        query = (
            select(after, health.c.outcome, func.count())
            .where(health.c.deploy_id == deploy_id, health.c.outcome != Outcome.WATCHING)
            .group_by(after, health.c.outcome)
            .order_by(after, health.c.outcome)
        )
        with self._database.connect() as connection:
            return [(tenths, Outcome(outcome), count) for tenths, outcome, count in connection.execute(query)]

    def outcomes(self, deploy_ids: Sequence[int]) -> dict[int, dict[Outcome, int]]:
        """How many checks of some deploys came to what."""
        query = (
            select(health.c.deploy_id, health.c.outcome, func.count())
            .where(health.c.deploy_id.in_(deploy_ids))
            .group_by(health.c.deploy_id, health.c.outcome)
        )
        found: dict[int, dict[Outcome, int]] = {}
        with self._database.connect() as connection:
            for deploy_id, outcome, count in connection.execute(query):
                found.setdefault(deploy_id, {})[Outcome(outcome)] = count
        return found


def _values(deploy_id: int, one: Health) -> dict[str, Any]:
    return {
        "deploy_id": deploy_id,
        "host": one.host,
        "position": one.position,
        "name": one.name,
        "baseline": one.baseline,
        "outcome": one.outcome,
        "passes": one.passes,
        "failures": one.failures,
        "message": one.message,
        "mark": one.mark,
        "seen_at": one.seen_at,
    }


def _health(row: Row[Any]) -> Health:
    return Health(
        row.host,
        row.position,
        row.name,
        Verdict(row.baseline),
        Outcome(row.outcome),
        row.passes,
        row.failures,
        row.message,
        row.mark,
        row.seen_at,
    )
