"""Ranks: the test of Mann and Whitney, and what goes with it, in plain Python.

It asks whether values of one sample tend to be greater than those of another, and assumes nothing of
their distribution: metrics have long tails. See docs/decisions/metrics-by-ranks.md.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median

EXACT_VALUES = 60
"""Up to so many values in both samples the p-value is counted out, beyond that it is approximated."""
SHIFT_VALUES = 200
"""So many values of a sample are enough for the shift; as many quantiles stand for more."""
MOST_ALIKE = 0.5
"""Neighbours in time count as alike at most so much: a true trend looks like it, too."""


def p_greater(sample: Sequence[float], reference: Sequence[float], inflation: float = 1.0) -> float:
    """How likely `sample` ranks this high or higher if both are of one distribution. Both hold values.

    Ties are taken into account. `inflation` is by how much neighbours that are alike widen the variance.
    """
    ranks, ties = _ranks([*sample, *reference])
    own = sum(ranks[: len(sample)])
    approximate = _approximately(own, len(sample), len(reference), ties, inflation)
    if len(ranks) > EXACT_VALUES:
        return approximate
    exact = _exactly(own, len(sample), ranks)
    return exact if inflation <= 1.0 else max(exact, approximate)


def least_p(count: int, others: int) -> float:
    """The smallest p-value that samples of these sizes can give."""
    return 1.0 / math.comb(count + others, count)


def shift(sample: Sequence[float], reference: Sequence[float]) -> float:
    """By how much values of `sample` are typically greater: the median difference (Hodges and Lehmann)."""
    return median(one - other for one in _thinned(sample) for other in _thinned(reference))


def inflation(sample: Sequence[Sequence[float]], reference: Sequence[Sequence[float]]) -> float:
    """By how much series whose neighbouring points are alike widen the variance of a comparison; 1 at least.

    Such points tell less than as many independent ones: of correlation r only (1 - r) / (1 + r) as much.
    """
    count, others = sum(map(len, sample)), sum(map(len, reference))
    if not count or not others:
        return 1.0
    widths = _width(sample) / count + _width(reference) / others
    return max(1.0, widths / (1 / count + 1 / others))


def _ranks(values: Sequence[float]) -> tuple[list[float], Counter[float]]:
    """The rank of each value, the mean of those that ties share, and how often each value is there."""
    ordered = sorted(values)
    found = {
        value: (bisect_left(ordered, value) + 1 + bisect_right(ordered, value)) / 2 for value in set(values)
    }
    return [found[value] for value in values], Counter(values)


def _exactly(own: float, count: int, ranks: Sequence[float]) -> float:
    """The share of all ways to choose `count` of the ranks whose sum is `own` or more.

    A whole number holds the ways by their sum, one digit of `width` bits for each: to add a rank to all
    sums is a shift. Ranks are doubled, which makes them whole.
    """
    width = math.comb(len(ranks), count).bit_length() + 1
    ways = [1] + [0] * count
    for number, rank in enumerate(ranks):
        for size in range(min(count, number + 1), 0, -1):
            ways[size] += ways[size - 1] << int(2 * rank) * width
    high, total = ways[count] >> int(2 * own) * width, 0
    mask = (1 << width) - 1
    while high:
        total += high & mask
        high >>= width
    return total / math.comb(len(ranks), count)


def _approximately(own: float, count: int, others: int, ties: Counter[float], widened: float) -> float:
    """By the normal distribution, with corrections for ties and for continuity."""
    total = count + others
    tied = sum(times**3 - times for times in ties.values()) / (total * (total - 1)) if total > 1 else 0.0
    variance = count * others / 12 * (total + 1 - tied) * widened
    if variance <= 0:
        return 1.0
    statistic = own - count * (count + 1) / 2
    return 0.5 * math.erfc((statistic - count * others / 2 - 0.5) / math.sqrt(2 * variance))


def _thinned(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    if len(ordered) <= SHIFT_VALUES:
        return ordered
    return [ordered[(2 * at + 1) * len(ordered) // (2 * SHIFT_VALUES)] for at in range(SHIFT_VALUES)]


def _width(series: Sequence[Sequence[float]]) -> float:
    """The mean factor of some series, by how many points each has."""
    factors = [(len(one), _factor(one)) for one in series]
    return sum(count * factor for count, factor in factors) / sum(count for count, _ in factors)


def _factor(values: Sequence[float]) -> float:
    if len(values) < 4:
        return 1.0
    ranks, _ = _ranks(values)
    middle = fmean(ranks)
    spread = sum((rank - middle) ** 2 for rank in ranks)
    if not spread:
        return 1.0
    alike = sum((one - middle) * (other - middle) for one, other in pairwise(ranks)) / spread
    # By chance it is this much below 0 in a short series.
    alike = min(MOST_ALIKE, max(0.0, alike + 1 / len(values)))
    return (1 + alike) / (1 - alike)
