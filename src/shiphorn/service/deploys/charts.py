"""Charts of what checks of metrics measured: lines of switched hosts and of what they were compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shiphorn.model.health import Outcome, whose
from shiphorn.model.measures import Against, Measured, Metric, Point
from shiphorn.store.measured import MeasuredCheck

WIDTH, HEIGHT, EDGE = 960, 120, 6
LISTED = 12


@dataclass(frozen=True, slots=True)
class MetricChart:
    """A check of a metric. `value` and `reference` are in words, "" where there is none.

    `line` and `reference_line` are for a polyline in a box of WIDTH by HEIGHT, `limits` heights of lines
    across it; `split` is where the deploy lies between the two lines, None if they are of the same time.
    """

    who: str
    name: str
    outcome: Outcome
    message: str
    value: str
    reference: str
    against: Against
    line: str
    reference_line: str
    limits: Sequence[float]
    split: float | None

    @property
    def other(self) -> str:
        """What the values are held against, in words."""
        words = {Against.CONTROL: "not switched", Against.BASELINE: "before the deploy"}
        return words.get(self.against, "limit")


def chart(one: MeasuredCheck) -> MetricChart:
    """A check with its lines, scaled to the box."""
    measured = one.measured
    shown = Metric(unit=measured.unit).shown
    limits = [limit for limit in (measured.minimum, measured.maximum) if limit is not None]
    x, y = _scales(measured, limits)
    references = [measured.reference] if measured.against != Against.LIMIT else limits
    apart = measured.against == Against.BASELINE and measured.line and measured.reference_line
    return MetricChart(
        whose(one.host),
        one.name,
        one.outcome,
        one.message,
        "" if measured.value is None else shown(measured.value),
        " to ".join(shown(value) for value in references if value is not None),
        measured.against,
        _line(measured.line, x, y),
        _line(measured.reference_line, x, y),
        [y(limit) for limit in limits],
        round((x(measured.line[0][0]) + x(measured.reference_line[-1][0])) / 2, 1) if apart else None,
    )


def _scales(
    measured: Measured, limits: Sequence[float]
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    points = [*measured.line, *measured.reference_line]
    times = [at for at, _ in points] or [0.0]
    values = [*(value for _, value in points), *limits] or [0.0]
    first, span = min(times), max(times) - min(times) or 1.0
    # Small changes of a large value are not blown up: 0 belongs to the chart unless it is far off.
    lowest, highest = min(values), max(values)
    low = 0.0 if 0 < lowest < highest * 0.8 else lowest
    height = highest - low or abs(highest) or 1.0

    def x(at: float) -> float:
        return round(EDGE + (at - first) / span * (WIDTH - 2 * EDGE), 1)

    def y(value: float) -> float:
        return round(HEIGHT - EDGE - (value - low) / height * (HEIGHT - 2 * EDGE), 1)

    return x, y


def _line(points: Sequence[Point], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    return " ".join(f"{x(at):g},{y(value):g}" for at, value in points)
