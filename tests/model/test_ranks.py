"""Ranks: p-values as scipy 1.17 has them, and how often a comparison errs."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiphorn.model.ranks import inflation, least_p, p_greater, shift

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("sample", "reference", "p"),
    [
        ([1.1, 2.2, 3.3, 4.4, 9.9], [0.5, 1.0, 1.5, 2.0, 2.5, 3.0], 0.06277056277056277),
        ([5, 5, 6, 7, 7, 8], [4, 5, 5, 6, 6, 6, 7], 0.17016317016317017),
        ([0, 0, 0, 0.2, 0.4, 0.1, 0, 0.3], [0, 0, 0, 0, 0.1, 0, 0, 0, 0], 0.049773755656108594),
        ([3, 1, 2], [4, 5, 6], 1.0),
    ],
)
def test_small_samples_are_counted_out_with_ties_too(
    sample: list[float], reference: list[float], p: float
) -> None:
    # scipy.stats.mannwhitneyu(..., alternative="greater", method=PermutationMethod(n_resamples=10**9))
    assert p_greater(sample, reference) == pytest.approx(p, rel=1e-12)


def test_large_samples_are_approximated_with_corrections_for_ties_and_continuity() -> None:
    # scipy.stats.mannwhitneyu(..., alternative="greater", method="asymptotic")
    one, other = [i * 37 % 101 / 10 + 0.7 for i in range(70)], [i * 53 % 101 / 10 for i in range(90)]
    assert p_greater(one, other) == pytest.approx(0.04814639314445397, rel=1e-12)
    assert p_greater(other, one) == pytest.approx(0.9521968346288348, rel=1e-12)
    tied, others = [float(i * 37 % 11) for i in range(70)], [float(i * 53 % 9) for i in range(90)]
    assert p_greater(tied, others) == pytest.approx(0.03910377575202383, rel=1e-12)


def test_values_that_are_all_the_same_tell_nothing() -> None:
    assert p_greater([1.0] * 9, [1.0] * 7) == 1.0
    assert p_greater([1.0] * 90, [1.0] * 70) == 1.0


@given(VALUES, VALUES)
def test_it_is_the_same_whatever_the_order_and_the_mirror_of_its_opposite(
    sample: list[float], reference: list[float]
) -> None:
    p = p_greater(sample, reference)
    assert 0.0 < p <= 1.0
    assert p_greater(sample[::-1], sorted(reference)) == pytest.approx(p)
    assert p_greater([-one for one in reference], [-one for one in sample]) == pytest.approx(p)
    assert p >= least_p(len(sample), len(reference)) * (1 - 1e-9)
    assert shift(sample, reference) == -shift(reference, sample)


@given(VALUES, VALUES, st.floats(1.0, 3.0))
def test_points_that_are_alike_never_make_it_more_certain(
    sample: list[float], reference: list[float], widened: float
) -> None:
    assert p_greater(sample, reference, widened) >= p_greater(sample, reference) * (1 - 1e-9)


def test_the_shift_is_found_whatever_odd_points_there_are() -> None:
    assert shift([11, 12, 13, 900], [1, 2, 3]) == 10.5
    assert shift([float(at) for at in range(5000)], [at - 7.0 for at in range(5000)]) == 7.0


def test_series_whose_neighbours_are_alike_count_for_less() -> None:
    turns = [0.0, 1.0] * 10
    rises = [float(at) for at in range(20)]
    assert inflation([turns], [turns]) == 1.0
    assert inflation([rises], [rises]) == pytest.approx(3.0)
    assert inflation([rises], [turns]) == pytest.approx(2.0)
    assert inflation([[1.0, 2.0]], [[]]) == 1.0


@pytest.mark.parametrize(("alike", "at_most"), [(0.0, 0.06), (0.4, 0.08)])
def test_samples_that_do_not_differ_are_seldom_told_apart(alike: float, at_most: float) -> None:
    chance, wrong, times = random.Random(8), 0, 300
    for _ in range(times):
        one, other = _series(chance, 30, alike), _series(chance, 40, alike)
        wrong += p_greater(one, other, inflation([one], [other])) <= 0.05
    assert wrong / times <= at_most


def _series(chance: random.Random, count: int, alike: float) -> list[float]:
    """A series with a long tail, each point so much like the one before."""
    found, last = [], 0.0
    for _ in range(count):
        last = alike * last + chance.lognormvariate(0, 1)
        found.append(last)
    return found
