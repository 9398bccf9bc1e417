"""Times as people say them."""

from __future__ import annotations

import pytest

from shiphorn.model.times import ago, ahead, exact, moment_of, span

NOW = 1795600800.0
"""2026-11-25 10:00 UTC."""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2h", "12:00 UTC"),
        ("1h30m", "11:30 UTC"),
        ("45 min", "10:45 UTC"),
        ("1.5h", "11:30 UTC"),
        ("90s", "10:01 UTC"),
        ("1d 2h", "2026-11-26 12:00 UTC"),
        ("2w", "2026-12-09 10:00 UTC"),
        ("10:30", "10:30 UTC"),
        ("09:00", "2026-11-26 09:00 UTC"),
        ("2026-11-26", "2026-11-26 00:00 UTC"),
        ("2026-11-26T09:00", "2026-11-26 09:00 UTC"),
        ("2026-11-26T09:00+01:00", "2026-11-26 08:00 UTC"),
        ("2026-11-26T09:00:00Z", "2026-11-26 09:00 UTC"),
    ],
)
def test_a_moment_is_understood_as_a_person_says_it(text: str, found: str) -> None:
    moment = moment_of(text, NOW)
    assert moment is not None
    assert exact(moment, NOW) == found


@pytest.mark.parametrize("text", ["", "soon", "2", "2 moons", "25:00", "09:60", "2026-13-01", "h"])
def test_what_is_no_time_is_not_guessed_at(text: str) -> None:
    assert moment_of(text, NOW) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (7199.9, "2 h"),
        (9000, "2 h 30 min"),
        (363600, "4 d 5 h"),
    ],
)
def test_a_span_is_told_in_two_units_at_most(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_a_moment_is_told_exactly_and_from_now() -> None:
    assert ahead(NOW + 7200, NOW) == "12:00 UTC (in 2 h)"
    assert ahead(NOW - 60, NOW) == "09:59 UTC"
    assert ago(NOW - 300, NOW) == "09:55 UTC (5 min ago)"
