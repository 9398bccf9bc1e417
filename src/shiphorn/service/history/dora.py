"""The four DORA figures, worked out from deploys.

DORA's definitions (https://dora.dev/guides/dora-metrics-four-keys/): *deployment frequency* is how often
changes are put into production, *change lead time* how long a change takes from its commit until it runs
there, *change failure rate* the share of deployments that need immediate intervention, such as a rollback
or a hotfix, and *failed deployment recovery time* how long it takes to recover from such a deployment
("time to restore"). What counts here for each of them is said at `Figures`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from shiphorn.errors import Refused
from shiphorn.model.deploy import DeployState, Kind
from shiphorn.model.history import DeployRow, Place

DAY_SECONDS = 86400.0
WEEK_SECONDS = 7 * DAY_SECONDS
ROLLBACK_WITHIN_SECONDS = DAY_SECONDS
"""A rollback that is ordered this long after a deploy ended is put down to that deploy."""

_WENT_WRONG = (DeployState.FAILED, DeployState.ROLLED_BACK, DeployState.STOPPED)


@dataclass(frozen=True, slots=True)
class Figures:
    """The four figures of a period. Times are in seconds; None is for what nothing is known of.

    A deploy is of the period in which it ended. Rollbacks and converges are no changes, and never counted as
    deploys.

    `deploys` went well, `per_day` of them a day. `lead_median` and `lead_p90` are from the commit to the
    end of the first good deploy of it to an environment; commits below it that came along are not
    looked at, nor are deploys of what was live already. `leads` is how many there were.

    `flipped` deploys had hosts switch, and `failures` of them failed: they ended as failed, were rolled back
    by themselves or stopped by a person, or a rollback to an earlier release was ordered while
    they were live, within 24 hours of their end. `failure_rate` is their share.

    `restore_median` and `restore_p90` are over failures that are over: from the flip to the end, where the
    deploy took itself back; from the order of the rollback, or else from the end of the deploy, to
    the end of the next run that went well, of any kind. `restored` is how many there were.
    """

    deploys: int
    per_day: float
    leads: int
    lead_median: float | None
    lead_p90: float | None
    flipped: int
    failures: int
    failure_rate: float | None
    restored: int
    restore_median: float | None
    restore_p90: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A deploy that failed after its flip. `began` and `restored_at` are Unix seconds; None: not yet."""

    deploy: DeployRow
    began: float
    restored_at: float | None


def figures(
    rows: Iterable[DeployRow], since: float, until: float, committed_at: Mapping[str, float]
) -> Figures:
    """The figures of a period, `until` excluded, over all the rows that are given.

    `committed_at` is when commits were made, by their ids; those that it lacks have no lead time. Rows from
    before the period tell what was live at its beginning, those from behind it what became of its last
    deploys. Raises Refused SH576 for a period that ends before it begins.
    """
    known = list(rows)
    return _figures(
        _of_period(known, since, until), failures(known), _leads(known, committed_at), since, until
    )


def by_place(
    rows: Iterable[DeployRow], since: float, until: float, committed_at: Mapping[str, float]
) -> dict[Place, Figures]:
    """The figures of each environment that has rows."""
    return {place: figures(mine, since, until, committed_at) for place, mine in _by_place(rows).items()}


def series(
    rows: Iterable[DeployRow],
    since: float,
    until: float,
    committed_at: Mapping[str, float],
    step_seconds: float = DAY_SECONDS,
) -> list[tuple[float, Figures]]:
    """The figures of each day of a period, or of each week, with the beginning of each; for plots."""
    known = list(rows)
    wrong, leads = failures(known), _leads(known, committed_at)
    found: list[tuple[float, Figures]] = []
    for number in range(ceil((until - since) / step_seconds)):
        start = since + number * step_seconds
        end = min(start + step_seconds, until)
        found.append((start, _figures(_of_period(known, start, end), wrong, leads, start, end)))
    return found


def failures(rows: Iterable[DeployRow]) -> dict[int, Failure]:
    """The deploys that failed after their flip, by number; what counts is said at `Figures`."""
    found: dict[int, Failure] = {}
    for mine in _by_place(rows).values():
        ended = sorted((row for row in mine if row.finished_at is not None), key=_end)
        good = [row for row in ended if row.state == DeployState.SUCCEEDED]
        good_ends = [_end(row) for row in good]
        for row in ended:
            if row.kind == Kind.DEPLOY and row.flip_at is not None and row.state in _WENT_WRONG:
                found[row.id] = _ended_badly(row, good_ends)
            elif row.kind == Kind.ROLLBACK:
                undone = _undone(row, good, good_ends)
                if undone is not None and undone.id not in found:
                    restored = _next(good_ends, row.started_at)
                    found[undone.id] = Failure(undone, row.started_at, restored)
    return found


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that this share of all values does not exceed, by nearest rank; None of no values."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)] if values else None


def _figures(
    ended: Sequence[DeployRow],
    wrong: Mapping[int, Failure],
    leads: Mapping[int, float],
    since: float,
    until: float,
) -> Figures:
    changes = [row for row in ended if row.kind == Kind.DEPLOY]
    good = [row for row in changes if row.state == DeployState.SUCCEEDED]
    flipped = [row for row in changes if row.flip_at is not None]
    failed = [wrong[row.id] for row in flipped if row.id in wrong]
    took = [leads[row.id] for row in good if row.id in leads]
    outages = [one.restored_at - one.began for one in failed if one.restored_at is not None]
    return Figures(
        len(good),
        len(good) / ((until - since) / DAY_SECONDS),
        len(took),
        median(took) if took else None,
        percentile(took, 0.9),
        len(flipped),
        len(failed),
        len(failed) / len(flipped) if flipped else None,
        len(outages),
        median(outages) if outages else None,
        percentile(outages, 0.9),
    )


def _of_period(rows: Iterable[DeployRow], since: float, until: float) -> list[DeployRow]:
    if until <= since:
        raise Refused("SH576", "the period ends before it begins.", hint="Let it begin earlier.")
    return [row for row in rows if row.finished_at is not None and since <= row.finished_at < until]


def _leads(rows: Iterable[DeployRow], committed_at: Mapping[str, float]) -> dict[int, float]:
    """Lead times by the number of the deploy: of the first good one of each commit and environment."""
    found: dict[int, float] = {}
    for mine in _by_place(rows).values():
        shipped: set[str] = set()
        for row in sorted((row for row in mine if row.state == DeployState.SUCCEEDED), key=_end):
            is_first = row.sha not in shipped and row.sha != row.from_sha
            if row.kind == Kind.DEPLOY and is_first and row.sha in committed_at:
                found[row.id] = max(0.0, _end(row) - committed_at[row.sha])
            shipped.add(row.sha)
    return found


def _ended_badly(row: DeployRow, good_ends: Sequence[float]) -> Failure:
    if row.state == DeployState.FAILED:
        return Failure(row, _end(row), _next(good_ends, _end(row)))
    return Failure(row, row.flip_at or row.started_at, row.finished_at)


def _undone(rollback: DeployRow, good: Sequence[DeployRow], good_ends: Sequence[float]) -> DeployRow | None:
    """The deploy that was live when a rollback to an earlier release was ordered, if it ended lately."""
    place = bisect_right(good_ends, rollback.started_at)
    live = good[place - 1] if place else None
    if live is None or live.kind != Kind.DEPLOY or not rollback.release or live.flip_at is None:
        return None
    lately = rollback.started_at - _end(live) <= ROLLBACK_WITHIN_SECONDS
    return live if lately and rollback.release < live.release else None


def _next(ends: Sequence[float], after: float) -> float | None:
    place = bisect_right(ends, after)
    return ends[place] if place < len(ends) else None


def _end(row: DeployRow) -> float:
    return row.finished_at or 0.0


def _by_place(rows: Iterable[DeployRow]) -> dict[Place, list[DeployRow]]:
    found: dict[Place, list[DeployRow]] = {}
    for row in rows:
        found.setdefault(row.place, []).append(row)
    return found
