"""Webhooks and their deliveries. A webhook is never deleted, only disabled: its deliveries are the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from shiphorn.model.locks import Scope
from shiphorn.model.webhooks import Delivery, Happened, Webhook
from shiphorn.store.alone import alone
from shiphorn.store.patience import insisting, patient
from shiphorn.store.tables import deliveries, deploys, events, webhooks

OVERLAP = 200
"""How many numbers of events are looked at again. PostgreSQL hands numbers out before it shows the rows, so
a lower one may come after a higher one."""
_SHOWN = tuple(column for column in webhooks.columns if column.name not in ("secret", "after", "seen"))


@patient
class Webhooks:
    """The tables of webhooks and deliveries."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def add(
        self, url: str, secret: str, kinds: Sequence[str], scope: Scope, created_by: str, now: float
    ) -> Webhook:
        """Add a webhook, which is told of what happens from now on. `secret` is encrypted, and unique."""
        values = {
            "url": url,
            "secret": secret,
            "kinds": list(kinds),
            "app": scope.app,
            "environment": scope.environment,
            "created_by": created_by,
            "created_at": now,
        }
        return self._add(values)

    def listed(self) -> list[Webhook]:
        """All webhooks, in the order in which they were made."""
        with self._database.connect() as connection:
            return [_webhook(row) for row in connection.execute(select(*_SHOWN).order_by(webhooks.c.id))]

    def get(self, webhook_id: int) -> Webhook | None:
        """The webhook with this number."""
        return next((one for one in self.listed() if one.id == webhook_id), None)

    def secret(self, webhook_id: int) -> str:
        """The encrypted secret of a webhook."""
        query = select(webhooks.c.secret).where(webhooks.c.id == webhook_id)
        with self._database.connect() as connection:
            return connection.execute(query).scalar() or ""

    def disable(self, webhook_id: int, now: float) -> None:
        """Tell it nothing any more, and give up what is under way."""
        with self._database.begin() as connection:
            connection.execute(
                update(webhooks)
                .where(webhooks.c.id == webhook_id, webhooks.c.disabled_at.is_(None))
                .values(disabled_at=now)
            )
            mine = deliveries.c.webhook_id == webhook_id
            connection.execute(update(deliveries).where(mine).values(next_at=None))

    def enable(self, webhook_id: int) -> None:
        """Tell it again, of what happens from now on."""
        mine = (webhooks.c.id == webhook_id, webhooks.c.disabled_at.is_not(None))
        newest = select(func.coalesce(func.max(events.c.id), 0)).scalar_subquery()
        with self._database.begin() as connection:
            connection.execute(
                update(webhooks).where(*mine).values(disabled_at=None, after=newest, seen=newest)
            )

    def unseen(self, known: Iterable[int]) -> list[Happened]:
        """The events that some webhook has not looked at, but for those whose numbers are `known`."""
        since = select(func.min(webhooks.c.seen)).where(webhooks.c.disabled_at.is_(None)).scalar_subquery()
        with self._database.connect() as connection:
            new = connection.execute(select(events.c.id).where(events.c.id > since - OVERLAP)).scalars().all()
            wanted = sorted(set(new) - set(known))[:1000]
            query = (
                select(events, deploys.c.app, deploys.c.environment)
                .join(deploys)
                .where(events.c.id.in_(wanted))
                .order_by(events.c.id)
            )
            return [_happened(row) for row in connection.execute(query)] if wanted else []

    def deliver(self, webhook_id: int, bodies: Sequence[tuple[Happened, str]], seen: int, now: float) -> None:
        """Have events be sent to a webhook, each once; `seen` is the last that was looked at for it.

        Those from before it was made, or enabled again, are left out.
        """
        with self._database.begin() as connection:
            alone(connection, "webhooks")
            after = connection.execute(select(webhooks.c.after).where(webhooks.c.id == webhook_id)).scalar()
            numbers = [event.id for event, _ in bodies]
            there = select(deliveries.c.event_id).where(
                deliveries.c.webhook_id == webhook_id, deliveries.c.event_id.in_(numbers)
            )
            known = set(connection.execute(there).scalars()) if numbers else set()
            rows = [
                _new(webhook_id, event.id, event.kind, body, now)
                for event, body in bodies
                if event.id not in known and event.id > (after or 0)
            ]
            if rows:
                connection.execute(insert(deliveries), rows)
            mine = (webhooks.c.id == webhook_id, webhooks.c.seen < seen)
            connection.execute(update(webhooks).where(*mine).values(seen=seen))

    def ping(self, webhook_id: int, kind: str, body: str, now: float) -> Delivery:
        """Have a test be sent to a webhook."""
        with self._database.begin() as connection:
            alone(connection, "webhooks")
            lowest = select(func.min(deliveries.c.event_id)).where(deliveries.c.webhook_id == webhook_id)
            number = min(0, connection.execute(lowest).scalar() or 0) - 1
            row = _new(webhook_id, number, kind, body, now)
            key = connection.execute(insert(deliveries).values(row)).inserted_primary_key
        return Delivery(key[0] if key else 0, **row)

    def due(self, now: float, limit: int = 100) -> list[Delivery]:
        """What is to be sent now, the oldest first."""
        query = (
            select(deliveries).where(deliveries.c.next_at <= now).order_by(deliveries.c.next_at).limit(limit)
        )
        with self._database.connect() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def claim(self, delivery: Delivery, until: float) -> bool:
        """Take a delivery that is due, to send it; False when another process has done so.

        Whoever takes it and is not heard of `until` then has died, and it is due again.
        """
        mine = (deliveries.c.id == delivery.id, deliveries.c.next_at == delivery.next_at)
        values = {"next_at": until, "attempts": deliveries.c.attempts + 1}
        with self._database.begin() as connection:
            return connection.execute(update(deliveries).where(*mine).values(values)).rowcount == 1

    def tried(
        self,
        delivery_id: int,
        status: int | None,
        answer: str,
        *,
        delivered_at: float | None = None,
        next_at: float | None = None,
    ) -> None:
        """Write down what came of sending a delivery, and when it is tried again."""
        values = {"status": status, "answer": answer, "delivered_at": delivered_at, "next_at": next_at}
        with self._database.begin() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(values))

    def again(self, delivery_id: int, now: float) -> None:
        """Have a delivery be sent once more, whatever came of it before."""
        with self._database.begin() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(next_at=now))

    def delivery(self, delivery_id: int) -> Delivery | None:
        """The delivery with this number."""
        query = select(deliveries).where(deliveries.c.id == delivery_id)
        with self._database.connect() as connection:
            row = connection.execute(query).first()
        return _delivery(row) if row is not None else None

    def deliveries(self, webhook_id: int, before: int | None = None, limit: int = 50) -> list[Delivery]:
        """The last deliveries to a webhook, numbered below `before`; the newest first."""
        query = select(deliveries).where(deliveries.c.webhook_id == webhook_id)
        if before is not None:
            query = query.where(deliveries.c.id < before)
        with self._database.connect() as connection:
            found = connection.execute(query.order_by(deliveries.c.id.desc()).limit(limit))
            return [_delivery(row) for row in found]

    def forget(self, before: float) -> None:
        """Drop deliveries that were made before some time and are over."""
        old = (deliveries.c.created_at < before, deliveries.c.next_at.is_(None), deliveries.c.event_id > 0)
        with self._database.begin() as connection:
            connection.execute(delete(deliveries).where(*old))

    @insisting
    def _add(self, values: dict[str, Any]) -> Webhook:
        with self._database.begin() as connection:
            alone(connection, "webhooks")
            mine = select(*_SHOWN).where(webhooks.c.secret == values["secret"])
            if connection.execute(mine).first() is None:
                newest = _newest_event(connection)
                connection.execute(insert(webhooks).values(values | {"after": newest, "seen": newest}))
            return _webhook(connection.execute(mine).one())


def _newest_event(connection: Connection) -> int:
    return connection.execute(select(func.max(events.c.id))).scalar() or 0


def _new(webhook_id: int, event_id: int, kind: str, body: str, now: float) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "event_id": event_id,
        "kind": kind,
        "body": body,
        "attempts": 0,
        "next_at": now,
        "status": None,
        "answer": "",
        "created_at": now,
    }


def _webhook(row: Row[Any]) -> Webhook:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return Webhook(**values | {"kinds": tuple(values["kinds"])})


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def _happened(row: Row[Any]) -> Happened:
    return Happened(row.id, row.deploy_id, row.kind, row.at, row.body, Scope(row.app, row.environment))
