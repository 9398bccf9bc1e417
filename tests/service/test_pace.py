"""How often strangers may ask."""

from __future__ import annotations

import pytest

from shiphorn.errors import Refused
from shiphorn.service.people.pace import Pace, network_of


def test_who_asks_too_often_is_told_how_long_to_wait_and_others_go_on() -> None:
    rule = Pace(3, 60.0)
    for at in (10.0, 11.0, 12.0):
        rule.ask("192.0.2.7", at)
    with pytest.raises(Refused, match="SH516") as refused:
        rule.ask("192.0.2.7", 12.0)
    assert refused.value.facts == {"retry_after_seconds": 18}
    rule.ask("192.0.2.8", 12.0)
    with pytest.raises(Refused):
        rule.ask("192.0.2.7", 29.9)
    rule.ask("192.0.2.7", 30.0)


def test_a_steady_pace_is_never_too_much() -> None:
    rule = Pace(300, 60.0)
    for at in range(18_000):
        rule.ask("192.0.2.7", at / 5)


def test_what_one_machine_may_choose_of_an_address_does_not_count() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert network_of("") == ""


def test_no_more_networks_are_kept_than_there_is_room_for() -> None:
    rule = Pace(1, 60.0, most_kept=2)
    for number in range(5):
        rule.ask(f"192.0.2.{number}", 10.0)
    rule.ask("192.0.2.0", 10.0)
    with pytest.raises(Refused):
        rule.ask("192.0.2.4", 10.0)
