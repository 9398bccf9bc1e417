"""Deploys, and the lock that lets one at a time into an environment."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from shiphorn.model.deploy import NOBODY_YET, Deploy, DeployState, Kind, Order, Wish
from shiphorn.model.events import Event
from shiphorn.model.target import Selection
from shiphorn.store.patience import insisting, patient
from shiphorn.store.records import row_of
from shiphorn.store.tables import deploy_locks, deploys, events, requests

_ORDER_COLUMNS = ("app", "environment", "kind", "ref", "actor", "reason", "forced")
_ACTIVE = tuple(state for state in DeployState if state.active)


@patient
class Deploys:
    """The table of deploys."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def open(
        self,
        order: Order,
        config: tuple[str, str],
        executor: str,
        now: float,
        request: tuple[str, str] | None = None,
    ) -> Deploy:
        """Record a new deploy. `config` is the path and the text of the config it goes by.

        With a `request` (its key and the digest of its order) that the actor has made before, it
        is the deploy that was recorded then.
        """
        values: dict[str, Any] = {column.name: "" for column in deploys.columns if not column.nullable}
        values |= {name: getattr(order, name) for name in _ORDER_COLUMNS}
        values |= {
            "selection": asdict(order.selection),
            "config_path": config[0],
            "config_text": config[1],
            "executor": executor,
            "started_at": now,
            "state": DeployState.RUNNING,
            "token": 0,
            "wave": 0,
            "waves": 0,
            "accepted": 0,
        }
        del values["id"]
        try:
            number = self._insert(values, secrets.token_hex(8), request)
        except IntegrityError:
            # The same request came twice at once, and the other one was first.
            made = self.by_request(order.actor, request[0]) if request else None
            if made is None:
                raise
            number = made[0]
        found = self.get(number)
        assert found is not None  # noqa: S101 - it was inserted above
        return found

    def by_request(self, actor: str, key: str) -> tuple[int, str] | None:
        """The deploy that a request of an actor made, and the digest of its order."""
        query = select(requests.c.deploy_id, requests.c.digest).where(
            requests.c.actor == actor, requests.c.key == key
        )
        with self._database.connect() as connection:
            row = connection.execute(query).first()
        return (row.deploy_id, row.digest) if row is not None else None

    def by_requests(self, actor: str, keys: Sequence[str]) -> dict[str, int]:
        """The deploys that requests of an actor made, by their keys; those that made none are left out."""
        query = select(requests.c.key, requests.c.deploy_id).where(
            requests.c.actor == actor, requests.c.key.in_(list(keys))
        )
        with self._database.connect() as connection:
            return {row.key: row.deploy_id for row in connection.execute(query)}

    def get(self, deploy_id: int) -> Deploy | None:
        """The deploy with this number."""
        return next(iter(self._select(deploys.c.id == deploy_id)), None)

    def by_run(self, run: str) -> Deploy | None:
        """The deploy with this run id."""
        return next(iter(self._select(deploys.c.run == run)), None)

    def latest(self, app: str, environment: str) -> Deploy | None:
        """The last deploy of an environment."""
        return next(iter(self.history(app, environment, limit=1)), None)

    def history(self, app: str, environment: str = "", *, limit: int = 50) -> Sequence[Deploy]:
        """The last deploys of an app, newest first."""
        wanted = [deploys.c.app == app]
        if environment:
            wanted.append(deploys.c.environment == environment)
        return self._select(*wanted, limit=limit)

    def some(self, deploy_ids: Sequence[int]) -> Sequence[Deploy]:
        """Those with these numbers, newest first."""
        return self._select(deploys.c.id.in_(deploy_ids), limit=len(deploy_ids))

    def update(self, deploy_id: int, **values: Any) -> None:
        """Change columns of a deploy. One that ends lets go of its environment in the same instant."""
        with self._database.begin() as connection:
            connection.execute(update(deploys).where(deploys.c.id == deploy_id).values(values))
            if values.get("finished_at") is not None:
                connection.execute(delete(deploy_locks).where(deploy_locks.c.deploy_id == deploy_id))

    def take(self, deploy_id: int, executor: str) -> bool:
        """Take a deploy that nobody works on yet: False when another executor has done so."""
        mine = (deploys.c.id == deploy_id) & deploys.c.executor.in_((NOBODY_YET, executor))
        with self._database.begin() as connection:
            return connection.execute(update(deploys).where(mine).values(executor=executor)).rowcount == 1

    def show(self, deploy_id: int, doing: str) -> None:
        """Set what a deploy does this moment, unless it is over."""
        going = (deploys.c.id == deploy_id) & deploys.c.finished_at.is_(None)
        with self._database.begin() as connection:
            connection.execute(update(deploys).where(going).values(doing=doing))

    def wish(self, deploy_id: int) -> tuple[Wish, str]:
        """What somebody wants of the deploy, and who."""
        query = select(deploys.c.wish, deploys.c.wish_by).where(deploys.c.id == deploy_id)
        with self._database.connect() as connection:
            wish, actor = connection.execute(query).one()
        return Wish(wish), actor

    def clear_wish(self, deploy_id: int, wish: Wish) -> None:
        """Take a wish back that was met, unless there is another one by now."""
        met = (deploys.c.id == deploy_id) & (deploys.c.wish == wish)
        with self._database.begin() as connection:
            connection.execute(update(deploys).where(met).values(wish=Wish.NOTHING))

    def active(self, app: str = "", environment: str = "") -> list[Deploy]:
        """The deploys that are not over, of an app or of all, in the order of their turns."""
        wanted: list[ColumnElement[bool]] = [deploys.c.state.in_(_ACTIVE)]
        if app:
            wanted.append(deploys.c.app == app)
        if environment:
            wanted.append(deploys.c.environment == environment)
        # Were it told to sort them, SQLite would rather read all deploys in their order.
        query = select(deploys).where(*wanted).limit(1000)
        with self._database.connect() as connection:
            found = [_deploy(row) for row in connection.execute(query)]
        return sorted(found, key=lambda one: one.place)

    def lock(self, deploy: Deploy, now: float) -> int | None:
        """Take the environment, and run: the fencing token, or None when another deploy holds it.

        None as well when the deploy was ended while it waited. Tokens are Unix milliseconds, raised
        above the last one: so those of two deployers that share no database are still in the order of
        their deploys.
        """
        order = deploy.order
        mine = (deploys.c.app == order.app) & (deploys.c.environment == order.environment)
        try:
            with self._database.connect() as connection, connection.begin() as transaction:
                connection.execute(
                    insert(deploy_locks).values(
                        app=order.app, environment=order.environment, deploy_id=deploy.id
                    )
                )
                last = connection.execute(select(func.max(deploys.c.token)).where(mine)).scalar() or 0
                token: int = max(last + 1, int(now * 1000))
                taken = connection.execute(
                    update(deploys)
                    .where(deploys.c.id == deploy.id, deploys.c.state.in_(_ACTIVE))
                    .values(token=token, state=DeployState.RUNNING)
                )
                if taken.rowcount != 1:
                    transaction.rollback()
                    return None
        except IntegrityError:
            held = self.get(deploy.id) if self.holder(order.app, order.environment) == deploy.id else None
            return held.token if held else None
        return token

    def holder(self, app: str, environment: str) -> int | None:
        """The number of the deploy that holds an environment."""
        query = select(deploy_locks.c.deploy_id).where(
            deploy_locks.c.app == app, deploy_locks.c.environment == environment
        )
        with self._database.connect() as connection:
            return connection.execute(query).scalar()

    def end(self, deploy_id: int, told: Event | None = None, **values: Any) -> None:
        """Change columns of a deploy, let go of the environment, and keep what is `told`: all at once."""
        with self._database.begin() as connection:
            mine = deploys.c.id == deploy_id
            connection.execute(update(deploys).where(mine).values(values | {"doing": ""}))
            if told is not None:
                connection.execute(insert(events).values(row_of(told)))
            connection.execute(delete(deploy_locks).where(deploy_locks.c.deploy_id == deploy_id))

    def unlock(self, deploy_id: int) -> None:
        """Let go of the environment, if this deploy holds it."""
        with self._database.begin() as connection:
            connection.execute(delete(deploy_locks).where(deploy_locks.c.deploy_id == deploy_id))

    def end_as_seen(self, seen: Deploy, **values: Any) -> bool:
        """End a deploy and free what it holds, unless it has moved on from how it was `seen`.

        It has when its state or its executor is another one, or when its flip was agreed on.
        """
        unchanged = (
            deploys.c.id == seen.id,
            deploys.c.state == seen.state,
            deploys.c.executor == seen.executor,
            deploys.c.flip_at.is_(None),
        )
        with self._database.begin() as connection:
            ended = (
                connection.execute(update(deploys).where(*unchanged).values(values | {"doing": ""})).rowcount
                == 1
            )
            if ended:
                connection.execute(delete(deploy_locks).where(deploy_locks.c.deploy_id == seen.id))
        return ended

    @insisting
    def _insert(self, values: dict[str, Any], unique: str, request: tuple[str, str] | None) -> int:
        """Insert a deploy once, however often it is tried: the number that it got."""
        mine = select(deploys.c.id).where(deploys.c.run.endswith(f"-{unique}"))
        with self._database.begin() as connection:
            deploy_id: int | None = connection.execute(mine).scalar()
            if deploy_id is None:
                key = connection.execute(
                    insert(deploys).values(values | {"run": unique})
                ).inserted_primary_key
                deploy_id = key[0] if key else 0
                run = f"{deploy_id}-{unique}"
                connection.execute(update(deploys).where(deploys.c.id == deploy_id).values(run=run))
                if request is not None:
                    made = {"actor": values["actor"], "key": request[0], "digest": request[1]}
                    made |= {"deploy_id": deploy_id, "at": values["started_at"]}
                    connection.execute(insert(requests).values(made))
        return deploy_id

    def _select(self, *wanted: ColumnElement[bool], limit: int = 1) -> list[Deploy]:
        query = select(deploys).where(*wanted).order_by(deploys.c.id.desc()).limit(limit)
        with self._database.connect() as connection:
            return [_deploy(row) for row in connection.execute(query)]


def _deploy(row: Row[Any]) -> Deploy:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    selection = Selection(**{name: tuple(part) for name, part in values.pop("selection").items()})
    order = {name: values.pop(name) for name in _ORDER_COLUMNS}
    return Deploy(
        order=Order(**order | {"kind": Kind(order["kind"]), "selection": selection}),
        **values | {"state": DeployState(values["state"]), "wish": Wish(values["wish"])},
    )
