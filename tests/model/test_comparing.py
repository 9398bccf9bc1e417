"""Comparing: what it takes for a metric to speak against a deploy."""

import math
import random
from dataclasses import replace

import pytest

from shiphorn.model.comparing import Side, compared, level, within_limits
from shiphorn.model.health import Tried
from shiphorn.model.measures import (
    Against,
    Metric,
    NanRule,
    Series,
    Worse,
    measured_from_json,
    number,
    sample,
)

METRIC = Metric(against=Against.CONTROL, points=5, unit="percent")
NAN = math.nan


def side(who: str, *values: float, rule: NanRule = NanRule.IGNORE, hosts: int = 3) -> Side:
    return Side(sample([Series(tuple(enumerate(values)))], rule), who, hosts)


def told(metric: Metric, mine: list[float], theirs: list[float], threshold: float = 0.008) -> Tried:
    one = side("on 3 switched hosts", *mine, rule=metric.nan)
    other = side("on 9 others", *theirs, rule=metric.nan, hosts=9)
    return compared(metric, Against.CONTROL, one, other, threshold)


def around(middle: float, count: int = 12) -> list[float]:
    return [middle * (1 + 0.01 * (at * 5 % 12)) for at in range(count)]


def test_what_is_surely_and_much_worse_fails_with_its_numbers() -> None:
    found = told(METRIC, around(0.039), around(0.0038))
    assert found.verdict == "fail"
    assert found.message == (
        "is 4.11 % on 3 switched hosts, 0.401 % on 9 others (p < 0.0001, 12 points each)"
    )
    assert found.cause == "is worse than on hosts not yet switched"
    assert found.measured is not None
    assert (found.measured.points, found.measured.hosts, found.measured.others) == (12, 3, 9)


def test_what_is_surely_worse_but_not_by_much_passes() -> None:
    assert told(METRIC, around(0.0402), around(0.039, 12)).verdict == "pass"
    strict = replace(METRIC, tolerance="0.0001")
    assert told(strict, around(0.05), around(0.04)).verdict == "fail"


@pytest.mark.parametrize(
    ("worse", "verdict"), [(Worse.HIGHER, "pass"), (Worse.LOWER, "fail"), (Worse.EITHER, "fail")]
)
def test_it_depends_on_which_way_is_bad(worse: Worse, verdict: str) -> None:
    assert told(replace(METRIC, worse=worse), around(0.1), around(0.2)).verdict == verdict


def test_errors_in_some_points_only_are_noticed() -> None:
    few = [0.0, 0.3, 0.0, 0.4, 0.0, 0.0, 0.5, 0.2, 0.0, 0.3, 0.0, 0.4]
    assert told(METRIC, few, [0.0] * 30).verdict == "fail"


def test_too_few_points_are_no_answer() -> None:
    found = told(METRIC, [0.1] * 3, [0.1] * 9)
    assert (found.verdict, found.message) == ("unclear", "has 3 points on 3 switched hosts; 5 are needed")
    found = told(METRIC, [0.1] * 9, [0.1, NAN, NAN, 0.2])
    assert found.message == "has 2 points on 9 others, and 2 without a number; 5 are needed"
    found = told(METRIC, [0.9] * 5, [0.1] * 5, 0.001)
    assert found.verdict == "unclear"
    assert found.message == "has 5 points each: too few to tell anything with that confidence"


@pytest.mark.parametrize(
    ("rule", "mine", "theirs"),
    [
        (NanRule.IGNORE, "pass", "pass"),
        (NanRule.ZERO, "pass", "pass"),
        (NanRule.UNCLEAR, "unclear", "unclear"),
        (NanRule.FAIL, "fail", "unclear"),
    ],
)
def test_points_without_a_number_mean_what_the_rule_says(rule: NanRule, mine: str, theirs: str) -> None:
    metric = replace(METRIC, nan=rule)
    good = [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]
    assert told(metric, [*good, NAN], good).verdict == mine
    assert told(metric, good, [*good, math.inf]).verdict == theirs
    assert told(metric, [*good, NAN], good).measured is not None


def test_zero_counts_where_there_is_no_number() -> None:
    assert side("", 1.0, NAN, 3.0, rule=NanRule.ZERO).sample.values == (1.0, 0.0, 3.0)
    assert side("", 1.0, NAN, 3.0).sample.values == (1.0, 3.0)
    assert side("", 1.0, NAN, -math.inf).sample.odd == 2


def test_limits_hold_for_the_mean() -> None:
    metric = Metric(maximum=200, minimum=10, unit="ms", points=2)
    assert within_limits(metric, side("on web1", 150, 240)).message == "is 195 ms on web1"
    high = within_limits(metric, side("on web1", 180, 240))
    assert (high.verdict, high.message) == ("fail", "is 210 ms on web1, 200 ms at most is well")
    assert within_limits(metric, side("on web1", 1, 2)).message == "is 1.5 ms on web1, 10 ms at least is well"
    assert within_limits(metric, side("on web1", 150)).message == "has 1 point on web1; 2 are needed"


def test_all_looks_and_hosts_together_err_no_more_often_than_they_may() -> None:
    early = level(METRIC, 4, 1 / 10)
    last = level(METRIC, 4, None)
    assert 4 * (10 * early + last) == pytest.approx(1 - METRIC.confidence)
    assert level(METRIC, 1, 5.0) < level(METRIC, 1, None)


def test_many_looks_at_a_deploy_that_is_well_seldom_speak_against_it() -> None:
    chance, wrong, times = random.Random(4), 0, 100
    metric = replace(METRIC, confidence=0.9, tolerance="0")
    for _ in range(times):
        mine, theirs = ([chance.lognormvariate(0, 1) for _ in range(40)] for _ in range(2))
        looks = [
            told(metric, mine[: 4 * look], theirs[: 4 * look], level(metric, 1, 0.1 if look < 10 else None))
            for look in range(1, 11)
        ]
        wrong += any(look.verdict == "fail" for look in looks)
    assert wrong / times <= 0.1


def test_what_was_measured_is_kept_as_it_was() -> None:
    measured = told(METRIC, around(0.039), around(0.0038)).measured
    assert measured is not None
    assert len(measured.line) == 12
    assert measured_from_json(measured.as_json()) == measured


def test_numbers_have_three_digits_that_count() -> None:
    shown = [number(value) for value in (0, 0.00001234, 0.04123, 0.5, 4.1234, 41.26, 412.3, 41234.5, -2.5)]
    assert shown == ["0", "1.2e-05", "0.0412", "0.5", "4.12", "41.3", "412", "41,234", "-2.5"]
