"""Comparing: whether a metric is well, by its limits or by what it is compared with.

A comparison speaks against a deploy only when the difference is both certain (a test of Mann and Whitney)
and large enough to matter (the tolerance). See docs/decisions/metrics-by-ranks.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean

from shiphorn.model import ranks
from shiphorn.model.health import Tried, Verdict
from shiphorn.model.measures import Against, Measured, Metric, NanRule, Sample, Worse

EARLY_SHARE = 0.2
"""How much of the error that is allowed goes to looks ahead of the last one."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: its points, and whose they are, in words such as `3 switched hosts`."""

    sample: Sample
    who: str
    hosts: int = 0

    @property
    def count(self) -> int:
        """How many points there are."""
        return len(self.sample.values)

    @property
    def mean(self) -> float:
        """The mean of the points, of which there has to be one."""
        return fmean(self.sample.values)


def level(metric: Metric, hosts: int, early: float | None) -> float:
    """How small p has to be at a look, so that all looks together err as seldom as they may.

    Looks ahead of the last one (`early` is the time between two of them, as a share of the whole watch)
    have a small part of the error to share, the last one (None) the rest; hosts that are judged each by
    itself share as well. Errors add up to no more than their sum, whatever they have to do with each other.
    """
    allowed = (1.0 - metric.confidence) / max(1, hosts)
    if early is None:
        return allowed * (1.0 - EARLY_SHARE)
    return allowed * EARLY_SHARE * min(1.0, early)


def within_limits(metric: Metric, side: Side) -> Tried:
    """Whether the mean of the points is within the limits."""
    found = Measured(
        Against.LIMIT,
        metric.unit,
        minimum=metric.minimum,
        maximum=metric.maximum,
        hosts=side.hosts,
        points=side.count,
        line=side.sample.line,
    )
    odd = _odd(metric, side)
    if odd is not None:
        return replace(odd, measured=found)
    if side.count < metric.points:
        return Tried(Verdict.UNCLEAR, _too_few(metric, side), cause="has too few points", measured=found)
    value = side.mean
    found = replace(found, value=value)
    told = f"is {metric.shown(value)} {side.who}"
    if metric.maximum is not None and value > metric.maximum:
        told, cause = f"{told}, {metric.shown(metric.maximum)} at most is well", "is too high"
        return Tried(Verdict.FAIL, told, cause=cause, measured=found)
    if metric.minimum is not None and value < metric.minimum:
        told, cause = f"{told}, {metric.shown(metric.minimum)} at least is well", "is too low"
        return Tried(Verdict.FAIL, told, cause=cause, measured=found)
    return Tried(Verdict.PASS, told, measured=found)


def compared(metric: Metric, against: Against, side: Side, other: Side, threshold: float) -> Tried:
    """Whether one side is worse than the other. `threshold` is the `level` of this look."""
    found = Measured(
        against,
        metric.unit,
        side.mean if side.count else None,
        other.mean if other.count else None,
        hosts=side.hosts,
        others=other.hosts,
        points=side.count,
        reference_points=other.count,
        level=threshold,
        line=side.sample.line,
        reference_line=other.sample.line,
    )
    odd = _odd(metric, side) or _odd(metric, other, is_other=True)
    if odd is not None:
        return replace(odd, measured=found)
    for one in (side, other):
        if one.count < metric.points:
            return Tried(Verdict.UNCLEAR, _too_few(metric, one), cause="has too few points", measured=found)
    if ranks.least_p(side.count, other.count) * (2 if metric.worse == Worse.EITHER else 1) > threshold:
        told = f"has {_points(side, other)}: too few to tell anything with that confidence"
        return Tried(Verdict.UNCLEAR, told, cause="has too few points", measured=found)
    p = _p(metric, side.sample, other.sample)
    told = (
        f"is {metric.shown(side.mean)} {side.who}, {metric.shown(other.mean)} {other.who} "
        f"({_probability(p)}, {_points(side, other)})"
    )
    found = replace(found, p=p)
    if p <= threshold and _matters(metric, side, other):
        than = "on hosts not yet switched" if against == Against.CONTROL else "before the deploy"
        return Tried(Verdict.FAIL, told, cause=f"is worse than {than}", measured=found)
    return Tried(Verdict.PASS, told, measured=found)


def _p(metric: Metric, one: Sample, other: Sample) -> float:
    mine, theirs = ([[value for _, value in part] for part in side.series] for side in (one, other))
    widened = ranks.inflation(mine, theirs)
    higher = ranks.p_greater(one.values, other.values, widened)
    lower = ranks.p_greater(other.values, one.values, widened)
    if metric.worse == Worse.EITHER:
        return min(1.0, 2 * min(higher, lower))
    return higher if metric.worse == Worse.HIGHER else lower


def _matters(metric: Metric, side: Side, other: Side) -> bool:
    """Whether a difference goes beyond what is tolerated: of the means, or of values typically.

    Neither says it alone: errors in few of many points move the mean only, and one odd point of the other
    side may hide a shift of the mean.
    """
    differences = (side.mean - other.mean, ranks.shift(side.sample.values, other.sample.values))
    bad = {
        Worse.HIGHER: max(differences),
        Worse.LOWER: -min(differences),
        Worse.EITHER: max(map(abs, differences)),
    }
    return bad[metric.worse] > metric.tolerated(other.mean)


def _odd(metric: Metric, side: Side, *, is_other: bool = False) -> Tried | None:
    if not side.sample.odd or metric.nan in (NanRule.IGNORE, NanRule.ZERO):
        return None
    verdict = Verdict.FAIL if metric.nan == NanRule.FAIL and not is_other else Verdict.UNCLEAR
    total = side.count + side.sample.odd
    return Tried(
        verdict, f"is no number in {side.sample.odd} of {total} points {side.who}", cause="is no number"
    )


def _too_few(metric: Metric, side: Side) -> str:
    without = f", and {side.sample.odd} without a number" if side.sample.odd else ""
    return f"has {count(side.count, 'point')} {side.who}{without}; {metric.points} are needed"


def _points(side: Side, other: Side) -> str:
    if side.count == other.count:
        return f"{count(side.count, 'point')} each"
    return f"{side.count:,} and {count(other.count, 'point')}"


def _probability(p: float) -> str:
    return f"p = {p:.4f}".rstrip("0").rstrip(".") if p >= 0.0001 else "p < 0.0001"


def count(amount: int, of: str) -> str:
    """`1 point`, `12 points`."""
    return f"{amount:,} {of}{'s' if amount != 1 else ''}"
