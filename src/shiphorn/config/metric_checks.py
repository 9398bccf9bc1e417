"""Checks of `watch` that ask for metrics: their keys, and what fits together."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema

from shiphorn.config.sources import SourceName
from shiphorn.config.values import PLACEHOLDER, WATCH_PLACEHOLDERS, Duration, Patience, Text
from shiphorn.model.health import Kind
from shiphorn.model.measures import Against, Metric, NanRule, Of, Worse

QUERY_PLACEHOLDERS = (*WATCH_PLACEHOLDERS, "hosts")
QUERY_LENGTH = 8000
INTERVAL_SECONDS, TIMEOUT_SECONDS = 30.0, 10.0
"""What holds for queries if the check does not say."""
_OF_ONE = ("host", "address")
_COMPARING = ("tolerance", "worse", "confidence")
_BASELINE_SECONDS, _LIMIT_SECONDS = 600.0, 60.0


def _query(text: str) -> str:
    for match in PLACEHOLDER.finditer(text):
        if match[2] and match[2] not in QUERY_PLACEHOLDERS:
            raise ValueError(
                f"there is no placeholder {{{match[2]}}}; there are {', '.join(QUERY_PLACEHOLDERS)} "
                f"(write {{{{{match[2]}}}}} to mean it literally)"
            )
    if any(ord(char) < 32 and char not in "\n\t" for char in text):
        raise ValueError("it may not hold control characters")
    if not text.strip() or len(text) > QUERY_LENGTH:
        raise ValueError(f"it has to be a query of at most {QUERY_LENGTH} characters")
    return text.strip()


def _tolerance(value: Any) -> str:
    text = str(value)
    if isinstance(value, bool) or re.fullmatch(r"\d{1,9}(\.\d{1,9})?%?", text) is None:
        raise ValueError("it has to be a share such as 10%, or an amount such as 0.02")
    return text


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("it has to be a number")
    return value


Query = Annotated[str, AfterValidator(_query)]
Tolerance = Annotated[str, BeforeValidator(_tolerance), WithJsonSchema({"type": ["string", "number"]})]
Limit = Annotated[float, AfterValidator(_finite)]


class MetricKeys(BaseModel):
    """The keys that only checks of metrics have."""

    graphite: Query | None = Field(
        None, description="A target for Graphite: numbers that have to be well; placeholders as elsewhere."
    )
    prometheus: Query | None = Field(
        None, description="A query for Prometheus: numbers that have to be well."
    )
    source: SourceName = Field(
        "", description="metrics: which of `sources`, or a URL; the only one of its kind if left out."
    )
    title: Text = Field("", description="metrics: what people call it, such as `error rate`.")
    shown_in: Text = Field(
        "", description="metrics: the unit behind values; with `percent` 0.04 is shown as 4 %."
    )
    max: Limit | None = Field(None, description="metrics: the highest mean that is well.")
    min: Limit | None = Field(None, description="metrics: the lowest mean that is well.")
    compare: Literal["baseline", "control"] | None = Field(
        None,
        description="metrics: in place of limits, compare with before the deploy (`baseline`), or with hosts "
        "not yet switched (`control`; with before when there are none).",
    )
    of: Literal["host", "wave"] | None = Field(
        None,
        description="metrics: judge each host by itself, or all switched hosts together; `host` if the query "
        "has `{host}` or `{address}`, else `wave`.",
    )
    tolerance: Tolerance = Field(
        "10%",
        description="metrics: how much worse may be: a share of what it is compared with, or an amount.",
    )
    worse: Literal["higher", "lower", "either"] = Field(
        "higher", description="metrics: which way is bad when it is compared."
    )
    confidence: float = Field(
        0.99, ge=0.5, le=0.99999, description="metrics: how sure a comparison has to be to fail a wave."
    )
    points: int | None = Field(
        None, ge=1, le=10_000, description="metrics: points needed on each side; 10 to compare, else 1."
    )
    nan: Literal["ignore", "zero", "unclear", "fail"] = Field(
        "ignore", description="metrics: what NaN, infinite and null values mean."
    )
    window: Duration | None = Field(
        None,
        le=7 * 86_400,
        description="metrics: how long before the deploy, to compare with (10m); or the last how long the "
        "mean is of, for limits (1m).",
    )
    step: Duration = Field(
        30.0, description="Prometheus: time between points; not less than between its scrapes."
    )
    settle: Patience = Field(0.0, description="metrics: how long after the switch points do not count yet.")

    @property
    def query(self) -> str:
        """The query, "" if it is another kind of check."""
        return self.graphite or self.prometheus or ""

    @property
    def metric(self) -> Metric | None:
        """How its numbers are judged; None for another kind of check."""
        if not self.query:
            return None
        compares = self.compare is not None
        return Metric(
            source=self.source,
            of=Of(self.of or ("host" if placeholders(self.query) & set(_OF_ONE) else "wave")),
            against=Against(self.compare or "limit"),
            minimum=self.min,
            maximum=self.max,
            tolerance=self.tolerance,
            worse=Worse(self.worse),
            confidence=self.confidence,
            points=self.points or (10 if compares else 1),
            nan=NanRule(self.nan),
            window_seconds=self.window or (_BASELINE_SECONDS if compares else _LIMIT_SECONDS),
            step_seconds=self.step,
            settle_seconds=self.settle,
            title=self.title,
            unit=self.shown_in,
        )


def placeholders(query: str) -> set[str]:
    """The placeholders of a query."""
    return {match[2] for match in PLACEHOLDER.finditer(query) if match[2]}


def fits(entry: MetricKeys, given: set[str]) -> None:
    """Raise ValueError for keys of a check of metrics that do not go together; `given` are those set."""
    has = placeholders(entry.query)
    if (entry.max is not None or entry.min is not None) == (entry.compare is not None):
        raise ValueError("it needs limits (max, min) or something to compare with (compare), and not both")
    if entry.max is not None and entry.min is not None and entry.min > entry.max:
        raise ValueError("min is more than max, so that nothing is well")
    if entry.compare is None:
        odd = given & set(_COMPARING)
        if odd:
            raise ValueError(f"only a check with compare has {' and '.join(sorted(odd))}")
    elif odd := given & {"successes", "failures"}:
        raise ValueError(
            f"a comparison is one test of the whole watch: it has no {' and no '.join(sorted(odd))}"
        )
    if entry.of == "host" and not has & set(_OF_ONE):
        raise ValueError("to judge each host the query needs {host} or {address}")
    if "hosts" in has and (has & set(_OF_ONE) or entry.of == "host"):
        raise ValueError("{hosts} stands for all of them: it goes with neither {host} nor {address}")
    if entry.compare == "control" and not has & {"hosts", *_OF_ONE}:
        raise ValueError("to compare with other hosts the query needs {host}, {address} or {hosts}")
    _has_points(entry, given)


def _has_points(entry: MetricKeys, given: set[str]) -> None:
    if entry.prometheus is not None and entry.window is not None and entry.window < entry.step:
        raise ValueError("window is shorter than step, so that there are no points")
    if entry.prometheus is None and "step" in given:
        raise ValueError("step is for Prometheus; Graphite gives points as it keeps them")


def keys() -> set[str]:
    """The keys that only checks of metrics have, but for the queries themselves."""
    return set(MetricKeys.model_fields) - {Kind.GRAPHITE, Kind.PROMETHEUS}
