"""What checks of metrics measured, by deploy: the numbers behind an outcome, and lines to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, and_, select

from shiphorn.model.health import EVERY, Outcome
from shiphorn.model.measures import Measured, measured_from_json
from shiphorn.store.patience import patient
from shiphorn.store.tables import health, measured
from shiphorn.store.upsert import insert_or_update

_KEY = ("deploy_id", "host", "position")


@dataclass(frozen=True, slots=True)
class MeasuredCheck:
    """A check of a host, or of all hosts together (`*`), with what it measured at its last look."""

    host: str
    position: int
    name: str
    outcome: Outcome
    message: str
    measured: Measured


@patient
class MeasuredChecks:
    """The table of measurements: the last of each check."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def save(self, deploy_id: int, found: Sequence[tuple[str, int, Measured]]) -> None:
        """Write (host, position of the check, what was measured), in place of what was before."""
        rows = [
            {"deploy_id": deploy_id, "host": host, "position": position, "body": one.as_json()}
            for host, position, one in found
        ]
        if rows:
            with self._database.begin() as connection:
                insert_or_update(connection, measured, rows, ["body"])

    def of_deploy(self, deploy_id: int, limit: int) -> list[MeasuredCheck]:
        """The measurements of a deploy: those of all hosts together first, then those that are not well."""
        together = health.c.host.startswith(EVERY, autoescape=True)
        query = (
            select(health, measured.c.body)
            .join(measured, and_(*(measured.c[name] == health.c[name] for name in _KEY)))
            .where(health.c.deploy_id == deploy_id)
            .order_by(together.desc(), health.c.outcome == Outcome.HEALTHY, health.c.position, health.c.host)
            .limit(limit)
        )
        with self._database.connect() as connection:
            return [
                MeasuredCheck(
                    row.host,
                    row.position,
                    row.name,
                    Outcome(row.outcome),
                    row.message,
                    measured_from_json(row.body),
                )
                for row in connection.execute(query)
            ]
