"""What forges and builds said of commits: the last word of each context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, Row, delete, or_, select

from shiphorn.model.statuses import BuildState, CommitStatus
from shiphorn.store.patience import patient
from shiphorn.store.tables import commit_statuses
from shiphorn.store.upsert import insert_or_update

_CHANGED = ("state", "description", "url", "at")
_AT_ONCE = 500
"""How many commits one query asks about."""


@patient
class Statuses:
    """The table of commit statuses."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def put(self, statuses: Iterable[CommitStatus]) -> list[CommitStatus]:
        """Keep what is newer than what is known: those that changed something."""
        latest = {_key(one): one for one in sorted(statuses, key=lambda one: one.at)}
        with self._database.begin() as connection:
            shas = sorted({one.sha for one in latest.values()})
            rows = connection.execute(select(commit_statuses).where(commit_statuses.c.sha.in_(shas)))
            known = {_key(one): one for one in map(_status, rows)}
            fresh = [one for key, one in latest.items() if _is_news(one, known.get(key))]
            if fresh:
                insert_or_update(connection, commit_statuses, [asdict(one) for one in fresh], _CHANGED)
        return fresh

    def of_commit(self, sha: str, repository: str) -> list[CommitStatus]:
        """What is said of a commit of a repository, and by sources that know no repositories; by context."""
        return self.of_commits([sha], repository).get(sha, [])

    def of_commits(self, shas: Sequence[str], repository: str) -> dict[str, list[CommitStatus]]:
        """The same for many commits; those that nobody spoke of are left out."""
        found: defaultdict[str, list[CommitStatus]] = defaultdict(list)
        mine = or_(commit_statuses.c.repository == repository, commit_statuses.c.repository == "")
        order = (commit_statuses.c.context, commit_statuses.c.source)
        with self._database.connect() as connection:
            for first in range(0, len(shas), _AT_ONCE):
                of_these = commit_statuses.c.sha.in_(list(shas[first : first + _AT_ONCE]))
                query = select(commit_statuses).where(of_these, mine).order_by(*order)
                for row in connection.execute(query):
                    found[row.sha].append(_status(row))
        return dict(found)

    def forget(self, before: float) -> None:
        """Drop what is older than that, in Unix seconds."""
        with self._database.begin() as connection:
            connection.execute(delete(commit_statuses).where(commit_statuses.c.at < before))


def _key(one: CommitStatus) -> tuple[str, ...]:
    return one.sha, one.repository, one.source, one.context


def _is_news(one: CommitStatus, known: CommitStatus | None) -> bool:
    return known is None or (one.at >= known.at and one != known)


def _status(row: Row[Any]) -> CommitStatus:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return CommitStatus(**values | {"state": BuildState(values["state"])})
