"""How far environments are that deploy by themselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Row, select, update

from shiphorn.model.auto import AutoRecord
from shiphorn.model.history import Place
from shiphorn.store.patience import patient
from shiphorn.store.tables import auto_deploys
from shiphorn.store.upsert import insert_missing

_NEW = {
    "sha": "",
    "round": 0,
    "settled": 0,
    "seen": {},
    "state": "",
    "reason": "",
    "at": 0.0,
    "branch": "",
    "stopped_by": "",
    "stopped_reason": "",
}


@patient
class AutoDeploys:
    """The table of auto deploys."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def get(self, app: str, environment: str) -> AutoRecord:
        """What is on record of an environment."""
        query = select(auto_deploys).where(*_is(app, environment))
        with self._database.connect() as connection:
            row = connection.execute(query).first()
        return _record(row) if row is not None else AutoRecord(app, environment)

    def listed(self) -> dict[Place, AutoRecord]:
        """All that is on record."""
        with self._database.connect() as connection:
            rows = connection.execute(select(auto_deploys))
            return {(row.app, row.environment): _record(row) for row in rows}

    def note(self, app: str, environment: str, **values: Any) -> None:
        """Set columns."""
        self._change(app, environment, values)

    def stop(self, app: str, environment: str, by: str, reason: str, now: float, *, settled: int) -> bool:
        """Let nothing more go out by itself; deploys up to `settled` count as looked at. False if it was."""
        values = {
            "stopped_at": now,
            "stopped_by": by,
            "stopped_reason": reason,
            "settled": settled,
            "state": "stopped",
            "reason": reason,
            "until": None,
            "at": now,
        }
        return self._change(app, environment, values, auto_deploys.c.stopped_at.is_(None))

    def resume(self, app: str, environment: str, now: float, *, settled: int) -> bool:
        """Go on in another round: what failed may be tried again. False if it was not stopped."""
        values = {
            "stopped_at": None,
            "stopped_by": "",
            "stopped_reason": "",
            "settled": settled,
            "round": auto_deploys.c.round + 1,
            "state": "",
            "reason": "",
            "until": None,
            "at": now,
        }
        return self._change(app, environment, values, auto_deploys.c.stopped_at.is_not(None))

    def again(self, record: AutoRecord, *, settled: int) -> bool:
        """Let what was ordered last be ordered again. False if somebody did so before."""
        values = {"round": record.round + 1, "settled": settled}
        return self._change(record.app, record.environment, values, auto_deploys.c.round == record.round)

    def _change(self, app: str, environment: str, values: dict[str, Any], *where: Any) -> bool:
        with self._database.begin() as connection:
            insert_missing(connection, auto_deploys, [_NEW | {"app": app, "environment": environment}])
            statement = update(auto_deploys).where(*_is(app, environment), *where).values(values)
            return connection.execute(statement).rowcount == 1


def _is(app: str, environment: str) -> tuple[Any, ...]:
    return auto_deploys.c.app == app, auto_deploys.c.environment == environment


def _record(row: Row[Any]) -> AutoRecord:
    return AutoRecord(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
