"""Endpoints of branches. A row is never deleted: those that are gone are the history."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from shiphorn.model.deploy import DeployState
from shiphorn.model.endpoints import SEPARATOR, Endpoint, EndpointState
from shiphorn.store.patience import insisting, patient
from shiphorn.store.tables import deploys, endpoints

_THERE = endpoints.c.removed_at.is_(None)
_OWN = ("id", "is_fresh")
"""Fields that are no columns to be set."""


@patient
class Endpoints:
    """The table of endpoints."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def add(self, wanted: Endpoint) -> Endpoint | None:
        """Put a new endpoint on record. None when its name, branch, URL or port is another one's."""
        values = {name: value for name, value in asdict(wanted).items() if name not in _OWN}
        number = self._insert(values)
        return self.get(number) if number is not None else None

    def get(self, endpoint_id: int) -> Endpoint | None:
        """The endpoint with this number."""
        return next(iter(self._select(endpoints.c.id == endpoint_id)), None)

    def there(self, app: str = "", environment: str = "") -> list[Endpoint]:
        """Those that are not gone, the oldest first."""
        wanted: list[ColumnElement[bool]] = [_THERE]
        if app:
            wanted.append(endpoints.c.app == app)
        if environment:
            wanted.append(endpoints.c.environment == environment)
        return self._select(*wanted)

    def gone(self, app: str = "", *, limit: int = 50) -> list[Endpoint]:
        """Those that are gone, the last ones first."""
        wanted: list[ColumnElement[bool]] = [endpoints.c.removed_at.is_not(None)]
        if app:
            wanted.append(endpoints.c.app == app)
        query = _query().where(*wanted).order_by(endpoints.c.removed_at.desc(), endpoints.c.id.desc())
        with self._database.connect() as connection:
            return [_endpoint(row) for row in connection.execute(query.limit(limit))]

    def ports(self) -> set[int]:
        """The ports that are taken."""
        query = select(endpoints.c.port).where(_THERE, endpoints.c.port > 0)
        with self._database.connect() as connection:
            return set(connection.execute(query).scalars())

    def extend(self, endpoint_id: int, until: float) -> bool:
        """Let a live one stay longer. False when it is not live any more."""
        return self._change(endpoint_id, endpoints.c.state == EndpointState.LIVE, expires_at=until)

    def begin_removal(self, endpoint_id: int) -> bool:
        """Have it removed from now on. False when that has begun already."""
        live = endpoints.c.state == EndpointState.LIVE
        return self._change(endpoint_id, live, state=EndpointState.REMOVING)

    def claim(self, seen: Endpoint, now: float) -> bool:
        """Take on an attempt at its removal. False when somebody else has since it was `seen`."""
        unchanged = (
            (endpoints.c.state == EndpointState.REMOVING)
            & (endpoints.c.tries == seen.tries)
            & (
                endpoints.c.tried_at.is_(None)
                if seen.tried_at is None
                else endpoints.c.tried_at == seen.tried_at
            )
        )
        return self._change(seen.id, unchanged, tries=seen.tries + 1, tried_at=now)

    def stuck(self, endpoint_id: int, problem: str) -> None:
        """Say what is in the way of its removal."""
        self._change(endpoint_id, endpoints.c.state == EndpointState.REMOVING, problem=problem)

    def end(self, endpoint_id: int, now: float) -> bool:
        """It is off its hosts. False when that was known."""
        values = {"state": EndpointState.GONE, "removed_at": now, "problem": ""}
        return self._change(endpoint_id, _THERE, **values)

    def _change(self, endpoint_id: int, holds: ColumnElement[bool], **values: Any) -> bool:
        query = update(endpoints).where(endpoints.c.id == endpoint_id, holds).values(**values)
        with self._database.begin() as connection:
            return connection.execute(query).rowcount == 1

    @insisting
    def _insert(self, values: dict[str, Any]) -> int | None:
        """Insert a row once, however often it is tried."""
        try:
            with self._database.begin() as connection:
                key = connection.execute(insert(endpoints).values(values)).inserted_primary_key
        except IntegrityError:
            mine = [endpoints.c[name] == values[name] for name in ("app", "environment", "branch", "name")]
            mine += [endpoints.c.created_at == values["created_at"], endpoints.c.owner == values["owner"]]
            with self._database.connect() as connection:
                return connection.execute(select(endpoints.c.id).where(_THERE, *mine)).scalar()
        return key[0] if key else None

    def _select(self, *wanted: ColumnElement[bool]) -> list[Endpoint]:
        with self._database.connect() as connection:
            rows = connection.execute(_query().where(*wanted).order_by(endpoints.c.id))
            return [_endpoint(row) for row in rows]


def _query() -> Select[Any]:
    went_well = exists().where(
        deploys.c.app == endpoints.c.app,
        deploys.c.environment == endpoints.c.environment + SEPARATOR + endpoints.c.name,
        deploys.c.state == DeployState.SUCCEEDED,
        deploys.c.started_at >= endpoints.c.created_at,
    )
    return select(endpoints, went_well.label("went_well"))


def _endpoint(row: Row[Any]) -> Endpoint:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    fresh = not values.pop("went_well")
    return Endpoint(**values | {"state": EndpointState(values["state"]), "is_fresh": fresh})
