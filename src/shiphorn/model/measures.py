"""Metrics: what is asked of a source of them, what it gives, and what a check makes of that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

CHART_POINTS = 96
Point = tuple[float, float]
"""Unix seconds and a value; NaN where there is none."""


class Of(StrEnum):
    """What is judged."""

    HOST = "host"
    """Each host by itself."""
    WAVE = "wave"
    """All hosts that have switched, together."""


class Against(StrEnum):
    """What values are held against."""

    LIMIT = "limit"
    BASELINE = "baseline"
    """The same, before the deploy."""
    CONTROL = "control"
    """Hosts that have not switched, at the same time."""


class Worse(StrEnum):
    """Which way is bad."""

    HIGHER = "higher"
    LOWER = "lower"
    EITHER = "either"


class NanRule(StrEnum):
    """What a point without a number (NaN, infinite, null) means."""

    IGNORE = "ignore"
    """Nothing: it is left out."""
    ZERO = "zero"
    """0."""
    UNCLEAR = "unclear"
    """That it cannot be told."""
    FAIL = "fail"
    """That something is wrong."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How a check judges what its query gives. `source` is a name of the config, or a URL.

    Values are held against `minimum` and `maximum`, or compared: then they are unhealthy if they are
    worse with `confidence`, and by more than `tolerance` (`10%` of what they are compared with, or an
    amount). At least `points` are needed, on each side. `unit` is `percent` for shares of 1, which are
    shown as 4 %.
    """

    source: str = ""
    of: Of = Of.WAVE
    against: Against = Against.LIMIT
    minimum: float | None = None
    maximum: float | None = None
    tolerance: str = "10%"
    worse: Worse = Worse.HIGHER
    confidence: float = 0.99
    points: int = 1
    nan: NanRule = NanRule.IGNORE
    window_seconds: float = 600.0
    step_seconds: float = 30.0
    settle_seconds: float = 0.0
    title: str = ""
    unit: str = ""

    @property
    def compares(self) -> bool:
        """Whether it takes two samples, and one test for the whole watch."""
        return self.against != Against.LIMIT

    def tolerated(self, reference: float) -> float:
        """By how much values may be worse than this."""
        if self.tolerance.endswith("%"):
            return abs(reference) * float(self.tolerance[:-1]) / 100
        return float(self.tolerance)

    def shown(self, value: float) -> str:
        """A value, for people: `4.1 %`, `212 ms`."""
        if self.unit == "percent":
            return f"{number(value * 100)} %"
        return f"{number(value)} {self.unit}".rstrip()

    @property
    def rule(self) -> str:
        """In words what it takes to be healthy."""
        if self.against == Against.LIMIT:
            parts = [("at least", self.minimum), ("at most", self.maximum)]
            return " and ".join(f"{words} {self.shown(limit)}" for words, limit in parts if limit is not None)
        others = "hosts not yet switched" if self.against == Against.CONTROL else "before the deploy"
        way = {"higher": "higher than", "lower": "lower than", "either": "off"}[self.worse]
        much = self.tolerance if self.tolerance.endswith("%") else self.shown(float(self.tolerance))
        return f"not {way} {others} by more than {much}, at {self.confidence:.10g} confidence"


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one series, in the order of time."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a look at a metric found: numbers, and lines to draw.

    `value` is the mean on `hosts` switched hosts, `reference` that of what it was compared with: `others`
    are the hosts of the control. `p` is what the test gave, against the `level` that counts as worse.
    `line` and `reference_line` are the means by time. What is not known, or not asked, is None.
    """

    against: Against
    unit: str = ""
    value: float | None = None
    reference: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    hosts: int = 0
    others: int = 0
    points: int = 0
    reference_points: int = 0
    p: float | None = None
    level: float | None = None
    line: tuple[Point, ...] = ()
    reference_line: tuple[Point, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def measured_from_json(data: Mapping[str, Any]) -> Measured:
    """What `as_json` wrote."""
    lines = {name: tuple((at, value) for at, value in data[name]) for name in ("line", "reference_line")}
    return Measured(**{**data, "against": Against(data["against"]), **lines})


@dataclass(frozen=True, slots=True)
class Sample:
    """The points of some series after the rule for NaN. `odd` is how many had no number."""

    series: tuple[tuple[Point, ...], ...] = ()
    odd: int = 0
    values: tuple[float, ...] = field(default=(), compare=False)

    @property
    def line(self) -> tuple[Point, ...]:
        """The means by time, for a chart."""
        points = sorted(point for one in self.series for point in one)
        if not points:
            return ()
        begin, span = points[0][0], max(points[-1][0] - points[0][0], 1.0)
        sums: dict[int, list[Point]] = {}
        for at, value in points:
            sums.setdefault(int((at - begin) / span * (CHART_POINTS - 1)), []).append((at, value))
        return tuple(
            (round(sum(at for at, _ in part) / len(part), 1), sum(value for _, value in part) / len(part))
            for part in sums.values()
        )


def sample(found: Sequence[Series], rule: NanRule) -> Sample:
    """The points that count."""
    kept, odd = [], 0
    for one in found:
        good: list[Point] = []
        for at, value in one.points:
            if math.isfinite(value):
                good.append((at, value))
                continue
            odd += 1
            if rule == NanRule.ZERO:
                good.append((at, 0.0))
        kept.append(tuple(good))
    values = tuple(value for one in kept for _, value in one)
    return Sample(tuple(kept), odd, values)


def number(value: float) -> str:
    """Three digits that count: `0.0412`, `4.12`, `412`, `41,200`."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) < 1e-4:
        return f"{value:.2g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}".rstrip("0").rstrip(".")
