"""Who approved that commits go to hosts. A row is never deleted: withdrawn ones are the history."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update

from shiphorn.model.approvals import Approval
from shiphorn.model.target import Selection
from shiphorn.store.patience import patient
from shiphorn.store.tables import approvals


@patient
class Approvals:
    """The table of approvals."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def give(self, given: Approval) -> Approval:
        """Put an approval on record, in place of what the same person gave for the same commit and hosts.

        Its number is given by the database. A second call for the very same one gives the first.
        """
        values = asdict(given)
        del values["id"]
        same = (
            approvals.c.app == given.app,
            approvals.c.environment == given.environment,
            approvals.c.sha == given.sha,
            approvals.c.hosts == given.hosts,
            approvals.c.actor == given.actor,
            approvals.c.withdrawn_at.is_(None),
        )
        with self._database.begin() as connection:
            # Before anything is read: SQLite lets the next writer wait from the first write on.
            older = approvals.c.at < given.at
            connection.execute(update(approvals).where(*same, older).values(withdrawn_at=given.at))
            for row in connection.execute(select(approvals).where(*same)):
                return _approval(row)
            key = connection.execute(insert(approvals).values(values)).inserted_primary_key
        return Approval(key[0] if key else 0, **values | {"selection": given.selection})

    def of_commit(self, app: str, environment: str, sha: str, now: float) -> list[Approval]:
        """The approvals of a commit for an environment that are in force, the oldest first."""
        query = (
            select(approvals)
            .where(approvals.c.app == app, approvals.c.environment == environment, approvals.c.sha == sha)
            .where(approvals.c.withdrawn_at.is_(None), approvals.c.expires_at > now)
            .order_by(approvals.c.id)
        )
        with self._database.connect() as connection:
            return [_approval(row) for row in connection.execute(query)]

    def withdraw(self, app: str, environment: str, sha: str, actor: str, now: float) -> int:
        """Take back what somebody approved of a commit: how many approvals those were."""
        with self._database.begin() as connection:
            taken = connection.execute(
                update(approvals)
                .where(
                    approvals.c.app == app,
                    approvals.c.environment == environment,
                    approvals.c.sha == sha,
                    approvals.c.actor == actor,
                    approvals.c.withdrawn_at.is_(None),
                    approvals.c.expires_at > now,
                )
                .values(withdrawn_at=now)
            )
        return taken.rowcount


def _approval(row: Row[Any]) -> Approval:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    parts = {name: tuple(part) for name, part in values["selection"].items()}
    return Approval(**values | {"selection": Selection(**parts)})
