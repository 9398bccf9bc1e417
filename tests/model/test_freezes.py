"""Freeze windows: when they are in force, by the clocks of people."""

from datetime import UTC, datetime

import pytest

from shiphorn.model.freezes import Freeze, closed_until, in_force, next_beginning, opens_at, window

WEEKEND = window("fri 16:00", "mon 08:00", "Europe/London", "weekend")
NIGHT = window("22:00", "06:00")
CHRISTMAS = window("2026-12-20", "2027-01-04", reason="Christmas")


def at(text: str) -> float:
    """A moment of UTC in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def shown(moment: float | None) -> str:
    return "" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}"


def until(freeze: Freeze, text: str) -> str:
    return shown(closed_until(freeze, at(text)))


def following(freeze: Freeze, text: str) -> str:
    return shown(next_beginning(freeze, at(text)))


def test_a_window_of_the_week_wraps_around_its_end() -> None:
    assert until(WEEKEND, "2026-11-26 12:00") == ""
    assert until(WEEKEND, "2026-11-27 16:00") == "2026-11-30 08:00"
    assert until(WEEKEND, "2026-11-29 23:59") == "2026-11-30 08:00"
    assert until(WEEKEND, "2026-11-30 07:59") == "2026-11-30 08:00"
    assert following(WEEKEND, "2026-11-26 12:00") == "2026-11-27 16:00"
    assert following(WEEKEND, "2026-11-28 12:00") == "2026-12-04 16:00"


def test_the_end_is_not_part_of_a_window_and_the_beginning_is() -> None:
    assert until(WEEKEND, "2026-11-30 08:00") == ""
    assert until(NIGHT, "2026-11-26 21:59:59") == ""
    assert until(NIGHT, "2026-11-26 22:00") == "2026-11-27 06:00"
    assert until(NIGHT, "2026-11-27 06:00") == ""
    assert until(CHRISTMAS, "2026-12-20 00:00") == "2027-01-04 00:00"
    assert until(CHRISTMAS, "2027-01-04 00:00") == ""


def test_a_window_of_each_day_passes_midnight_or_stays_within_a_day() -> None:
    assert until(NIGHT, "2026-11-27 03:00") == "2026-11-27 06:00"
    assert following(NIGHT, "2026-11-27 03:00") == "2026-11-27 22:00"
    lunch = window("12:00", "13:00")
    assert until(lunch, "2026-11-27 12:30") == "2026-11-27 13:00"
    assert (until(lunch, "2026-11-27 00:30"), following(lunch, "2026-11-27 12:00")) == (
        "",
        "2026-11-28 12:00",
    )


def test_a_window_that_comes_once_does_not_come_again() -> None:
    assert following(CHRISTMAS, "2026-11-27 12:00") == "2026-12-20 00:00"
    assert following(CHRISTMAS, "2026-12-24 18:00") == ""
    assert until(CHRISTMAS, "2027-12-24 18:00") == ""


def test_a_week_is_counted_on_the_clocks_of_its_zone() -> None:
    """In winter London has UTC; in summer it is an hour ahead."""
    assert until(WEEKEND, "2027-07-02 14:59") == ""
    assert until(WEEKEND, "2027-07-02 15:00") == "2027-07-05 07:00"
    sunday = window("sun", "mon", "Pacific/Auckland")
    assert until(sunday, "2026-11-28 11:00") == "2026-11-29 11:00"


def test_a_weekend_is_an_hour_shorter_in_spring_and_longer_in_autumn() -> None:
    assert until(WEEKEND, "2027-03-26 16:00") == "2027-03-29 07:00"
    assert until(WEEKEND, "2027-03-29 07:00") == ""
    assert until(WEEKEND, "2026-10-23 15:00") == "2026-10-26 08:00"
    assert until(WEEKEND, "2026-10-26 07:59") == "2026-10-26 08:00"
    assert following(WEEKEND, "2027-03-22 12:00") == "2027-03-26 16:00"
    assert following(WEEKEND, "2027-03-29 12:00") == "2027-04-02 15:00"


def test_an_hour_that_comes_twice_is_closed_both_times() -> None:
    """On 25 October 2026 London had 01:30 at 00:30 UTC and again at 01:30 UTC."""
    night = window("01:30", "01:45", "Europe/London")
    assert until(night, "2026-10-25 00:29") == ""
    assert until(night, "2026-10-25 00:30") == "2026-10-25 01:45"
    assert until(night, "2026-10-25 01:44") == "2026-10-25 01:45"
    assert until(night, "2026-10-25 01:45") == ""


def test_an_hour_that_is_leapt_over_counts_on_from_before() -> None:
    """On 28 March 2027 the clocks of London go from 01:00 to 02:00, which is 01:00 UTC."""
    night = window("00:30", "01:30", "Europe/London")
    assert until(night, "2027-03-28 00:30") == "2027-03-28 01:30"
    gone = window("01:15", "02:00", "Europe/London")
    assert until(gone, "2027-03-28 01:20") == ""
    assert following(gone, "2027-03-27 12:00") == "2027-03-29 00:15"


def test_windows_that_follow_on_each_other_open_at_the_end_of_the_last() -> None:
    monday = window("mon 07:00", "mon 09:30", "Europe/London", "the stand-up")
    now = at("2026-11-28 12:00")
    assert shown(opens_at([WEEKEND, monday], now)) == "2026-11-30 09:30"
    assert in_force([monday, WEEKEND, NIGHT], now) == [WEEKEND]
    assert in_force([NIGHT, WEEKEND], at("2026-11-28 23:00")) == [WEEKEND, NIGHT]
    assert opens_at([monday], now) == now
    assert opens_at([window("22:00", "06:00"), window("06:00", "22:00")], now) is None


@pytest.mark.parametrize(
    ("freeze", "said"),
    [
        (WEEKEND, "every fri 16:00 to mon 08:00, Europe/London"),
        (NIGHT, "every day 22:00 to 06:00, UTC"),
        (CHRISTMAS, "2026-12-20 00:00 to 2027-01-04 00:00, UTC"),
        (window("Friday", "SAT"), "every fri 00:00 to sat 00:00, UTC"),
        (window("2026-12-20T18:00", "2026-12-20 20:00"), "2026-12-20 18:00 to 2026-12-20 20:00, UTC"),
    ],
)
def test_a_window_says_what_it_is(freeze: Freeze, said: str) -> None:
    assert str(freeze) == said


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        ("fri", "2026-12-20", "from is a day of the week, to is a date: they have to be of one kind"),
        ("22:00", "mon", "from is a time of the day, to is a day of the week: they have to be of one kind"),
        ("2027-01-04", "2026-12-20", "it ends before it begins"),
        ("22:00", "22:00", "it ends when it begins"),
        ("frosty 16:00", "mon", "'frosty 16:00' is no time"),
        ("fri 25:00", "mon", "'fri 25:00' is no time"),
        ("2026-02-30", "2026-03-01", "'2026-02-30' is no time"),
        ("0001-01-01", "2026-03-01", "'0001-01-01' is no time"),
        ("", "mon", "'' is no time"),
    ],
)
def test_what_is_no_window_is_refused(begins: str, ends: str, said: str) -> None:
    with pytest.raises(ValueError, match="^" + said.replace(".", r"\.")):
        window(begins, ends)
