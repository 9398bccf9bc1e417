"""Commits that are known to be bad. A row is never deleted: cleared ones are the history."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Row, insert, select, update

from shiphorn.model.locks import BadMark
from shiphorn.store.patience import patient
from shiphorn.store.tables import bad_marks


@patient
class Marks:
    """The table of bad marks."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def mark(
        self, app: str, sha: str, reason: str, by: str, now: float, *, deploy_id: int | None = None
    ) -> BadMark:
        """Mark a commit as bad; `by` is "" when a failed deploy does, which marks it once."""
        if deploy_id is not None:
            for known in self.listed(app, all_of_them=True):
                if (known.deploy_id, known.sha) == (deploy_id, sha):
                    return known
        values: dict[str, Any] = {
            "app": app,
            "sha": sha,
            "deploy_id": deploy_id,
            "reason": reason,
            "marked_by": by,
            "marked_at": now,
            "cleared_by": "",
            "clear_reason": "",
        }
        with self._database.begin() as connection:
            key = connection.execute(insert(bad_marks).values(values)).inserted_primary_key
        return BadMark(key[0] if key else 0, **values)

    def clear(self, app: str, sha: str, by: str, reason: str, now: float) -> int:
        """Take all marks off a commit. Gives how many there were."""
        with self._database.begin() as connection:
            cleared = connection.execute(
                update(bad_marks)
                .where(
                    bad_marks.c.app == app,
                    bad_marks.c.sha == sha,
                    bad_marks.c.cleared_at.is_(None),
                )
                .values(cleared_by=by, cleared_at=now, clear_reason=reason)
            )
        return cleared.rowcount

    def of_commit(self, app: str, sha: str) -> list[BadMark]:
        """The marks that a commit bears, the newest first; none for one that is not bad."""
        return [mark for mark in self.listed(app) if mark.sha == sha]

    def listed(self, app: str, *, all_of_them: bool = False) -> list[BadMark]:
        """The marks on commits of an app, the newest first; `all_of_them` has the cleared ones too."""
        query = select(bad_marks).where(bad_marks.c.app == app).order_by(bad_marks.c.id.desc())
        if not all_of_them:
            query = query.where(bad_marks.c.cleared_at.is_(None))
        with self._database.connect() as connection:
            return [_mark(row) for row in connection.execute(query)]


def _mark(row: Row[Any]) -> BadMark:
    return BadMark(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
