"""The four DORA figures, by hand."""

from __future__ import annotations

import pytest

from shiphorn.errors import Refused
from shiphorn.model.deploy import DeployState, Kind
from shiphorn.model.history import DeployRow
from shiphorn.service.history import dora
from tests.service.past import BLOG, row

DAY = 86400.0
FAILED, ROLLED_BACK, STOPPED = DeployState.FAILED, DeployState.ROLLED_BACK, DeployState.STOPPED


def test_percentiles_are_by_nearest_rank() -> None:
    values = [float(value) for value in range(1, 11)]
    assert [dora.percentile(values, share) for share in (0.0, 0.5, 0.9, 0.91, 1.0)] == [
        1.0,
        5.0,
        9.0,
        10.0,
        10.0,
    ]
    assert dora.percentile([7.0], 0.9) == 7.0
    assert dora.percentile([], 0.9) is None


def test_only_good_deploys_that_ended_in_the_period_are_its_deploys() -> None:
    rows = [
        row(1, 50.0),
        row(2, 100.0),
        row(3, DAY),
        row(4, 2 * DAY + 100.0),
        row(5, 200.0, state=FAILED),
        row(6, 300.0, kind=Kind.ROLLBACK),
        row(7, 400.0, kind=Kind.CONVERGE),
        row(8, None, state=DeployState.RUNNING),
    ]
    found = dora.figures(rows, 100.0, 2 * DAY + 100.0, {})
    assert (found.deploys, found.per_day) == (2, 1.0)


def test_lead_time_is_from_the_commit_to_the_end_of_its_first_good_deploy() -> None:
    rows = [
        row(1, 100.0, sha="a"),
        row(2, 200.0, sha="b"),
        row(3, 300.0, sha="b"),
        row(4, 400.0, sha="c", from_sha="c"),
        row(5, 500.0, sha="d"),
        row(6, 600.0, sha="b", place=BLOG),
        row(7, 700.0, sha="e", state=FAILED),
        row(8, 800.0, sha="e"),
    ]
    found = dora.figures(rows, 0.0, DAY, {"a": 60.0, "b": 150.0, "c": 0.0, "e": 790.0})
    assert (found.leads, found.lead_median, found.lead_p90) == (4, 45.0, 450.0)


def test_without_times_of_commits_there_is_no_lead_time() -> None:
    found = dora.figures([row(1)], 0.0, DAY, {})
    assert (found.leads, found.lead_median, found.lead_p90) == (0, None, None)


@pytest.mark.parametrize("state", [FAILED, ROLLED_BACK, STOPPED])
def test_what_ended_badly_after_its_flip_is_a_failure(state: DeployState) -> None:
    found = dora.figures([row(1, 100.0), row(2, 200.0, state=state)], 0.0, DAY, {})
    assert (found.flipped, found.failures, found.failure_rate) == (2, 1, 0.5)


def test_what_ended_before_its_flip_is_neither_a_change_nor_a_failure() -> None:
    found = dora.figures([row(1, 100.0), row(2, 200.0, state=FAILED, flip_at=None)], 0.0, DAY, {})
    assert (found.flipped, found.failures, found.failure_rate) == (1, 0, 0.0)
    assert dora.figures([], 0.0, DAY, {}).failure_rate is None


def rolled_back(after: float, release: str = "r001") -> list[DeployRow]:
    back = row(3, 1000.0 + after + 30.0, kind=Kind.ROLLBACK, release=release, started_at=1000.0 + after)
    return [row(1, 500.0), row(2, 1000.0), back]


def test_a_rollback_within_a_day_is_put_down_to_the_deploy_that_was_live() -> None:
    assert set(dora.failures(rolled_back(DAY))) == {2}
    assert set(dora.failures(rolled_back(DAY + 1.0))) == set()


def test_a_rollback_to_a_later_release_undoes_nothing() -> None:
    assert dora.failures(rolled_back(60.0, release="r003")) == {}


def test_of_several_deploys_only_the_live_one_is_undone_by_a_rollback() -> None:
    rows = [row(number, number * 100.0) for number in range(1, 5)]
    back = row(5, 460.0, kind=Kind.ROLLBACK, release="r001", started_at=450.0)
    assert set(dora.failures([*rows, back])) == {4}


def test_one_that_took_itself_back_is_restored_at_its_end_from_its_flip() -> None:
    found = dora.figures([row(1, 100.0, state=ROLLED_BACK, flip_at=70.0)], 0.0, DAY, {})
    assert (found.restored, found.restore_median, found.restore_p90) == (1, 30.0, 30.0)


def test_one_that_failed_is_restored_by_the_next_good_run_of_its_environment() -> None:
    rows = [
        row(1, 100.0, state=FAILED),
        row(2, 120.0, place=BLOG),
        row(3, 150.0, state=FAILED, flip_at=None),
        row(4, 400.0, kind=Kind.ROLLBACK, release="r000"),
    ]
    found = dora.figures(rows, 0.0, DAY, {})
    assert (found.failures, found.restored, found.restore_median) == (1, 1, 300.0)


def test_one_that_people_rolled_back_is_restored_from_their_order_on() -> None:
    assert dora.failures(rolled_back(60.0))[2].began == 1060.0
    assert dora.figures(rolled_back(60.0), 0.0, DAY, {}).restore_median == 30.0


def test_what_is_not_restored_yet_has_no_time() -> None:
    found = dora.figures([row(1, state=FAILED)], 0.0, DAY, {})
    assert (found.failures, found.restored, found.restore_median) == (1, 0, None)


def test_what_happens_behind_the_period_tells_of_deploys_in_it() -> None:
    found = dora.figures(rolled_back(60.0), 900.0, 1010.0, {})
    assert (found.deploys, found.failures, found.restore_median) == (1, 1, 30.0)


def test_figures_of_each_environment() -> None:
    found = dora.by_place([row(1), row(2, place=BLOG), row(3, place=BLOG)], 0.0, DAY, {})
    assert {place: figures.deploys for place, figures in found.items()} == {
        ("shop", "production"): 1,
        BLOG: 2,
    }


def test_a_series_has_a_point_a_day_and_ends_with_the_period() -> None:
    rows = [row(1, 100.0), row(2, DAY + 100.0), row(3, DAY + 200.0, state=FAILED)]
    found = dora.series(rows, 0.0, 2.5 * DAY, {})
    assert [(start, one.deploys, one.failures) for start, one in found] == [
        (0.0, 1, 0),
        (DAY, 1, 1),
        (2 * DAY, 0, 0),
    ]
    weeks = dora.series(rows, 0.0, 14 * DAY, {}, dora.WEEK_SECONDS)
    assert [one.deploys for _, one in weeks] == [2, 0]


def test_a_period_must_not_end_before_it_begins() -> None:
    with pytest.raises(Refused, match="SH576"):
        dora.figures([], 10.0, 10.0, {})
