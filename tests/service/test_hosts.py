"""The fleet as it is on record."""

from __future__ import annotations

import pytest

from shiphorn.errors import NotFound
from shiphorn.model.deploy import DeployState
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, local
from shiphorn.model.target import Selection
from shiphorn.service.hosts import listed as hosts
from shiphorn.service.hosts.intent import Standing
from shiphorn.service.hosts.kept import KeptFleet
from shiphorn.service.hosts.listed import HostFilter
from shiphorn.store.store import Store
from tests.service.past import APPS, BLOG, SHOP, deploy, observe, place_hosts, somebody

ADA = local("ada")
ALL = HostFilter()


@pytest.fixture
def fleet(store: Store) -> Store:
    place_hosts(store, deploy(store), "eu1", "us1", "us2", "us3", seen="r1")
    number = deploy(store, at=20.0, selection=Selection(regions=("us",)), sha="b" * 40)
    place_hosts(store, number, "us1", "us2", "us3", seen="r2", at=22.0)
    observe(store, SHOP, 23.0, us2="r1", us3="by hand")
    place_hosts(store, deploy(store, BLOG, state=DeployState.FAILED), "eu9")
    return store


def names(store: Store, wanted: HostFilter, caller: Caller = ADA) -> list[str]:
    return [one.host.name for one in hosts.page(store, APPS, caller, wanted).hosts]


def test_hosts_run_what_they_should_or_not(fleet: Store) -> None:
    found = hosts.page(fleet, APPS, ADA, ALL)
    assert [(one.host.name, one.host.runs, one.intended, one.standing) for one in found.hosts] == [
        ("eu9", "", "", Standing.UNKNOWN),
        ("eu1", "r1", "r1", Standing.AS_INTENDED),
        ("us1", "r2", "r2", Standing.AS_INTENDED),
        ("us2", "r1", "r2", Standing.BEHIND),
        ("us3", "by hand", "r2", Standing.DRIFTED),
    ]
    assert (found.hosts[2].intended_sha, found.hosts[2].host.seen_at) == ("b" * 40, 22.0)


def test_the_fleet_is_counted(fleet: Store) -> None:
    found = hosts.page(fleet, APPS, ADA, HostFilter(region="us", standing=Standing.BEHIND))
    assert found.total == 1
    assert found.standings == {Standing.AS_INTENDED: 1, Standing.BEHIND: 1, Standing.DRIFTED: 1}
    assert (found.regions, found.zones, found.roles) == (
        {"eu": 2, "us": 3},
        {"eu-a": 2, "us-a": 3},
        {"web": 5},
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (HostFilter(app="blog"), ["eu9"]),
        (HostFilter(environment="staging"), []),
        (HostFilter(region="eu"), ["eu9", "eu1"]),
        (HostFilter(zone="us-a"), ["us1", "us2", "us3"]),
        (HostFilter(role="db"), []),
        (HostFilter(role="web", text="US"), ["us1", "us2", "us3"]),
        (HostFilter(text="by ha"), ["us3"]),
        (HostFilter(standing=Standing.DRIFTED), ["us3"]),
    ],
)
def test_hosts_are_found_by_what_is_known_of_them(fleet: Store, wanted: HostFilter, found: list[str]) -> None:
    assert names(fleet, wanted) == found


def test_pages_go_on_where_the_last_one_ended(fleet: Store) -> None:
    first = hosts.page(fleet, APPS, ADA, ALL, limit=3)
    second = hosts.page(fleet, APPS, ADA, ALL, after=first.next, limit=3)
    assert (first.next, [one.host.name for one in second.hosts], second.next) == (
        "shop/production/us1",
        ["us2", "us3"],
        "",
    )
    assert (first.total, second.total) == (5, 5)


def test_people_see_the_hosts_of_what_they_have_a_role_in(fleet: Store) -> None:
    assert names(fleet, ALL, somebody(Scope("blog"))) == ["eu9"]
    assert names(fleet, ALL, somebody()) == []


def test_a_host_has_a_history(fleet: Store) -> None:
    found = hosts.visits(fleet, "us1", ADA, limit=1)
    assert ([one.deploy.id for one in found.visits], found.next) == ([2], 2)
    found = hosts.visits(fleet, "us1", ADA, before=2)
    assert ([one.deploy.id for one in found.visits], found.next) == ([1], None)


def test_a_host_that_nothing_went_to_or_that_is_out_of_sight_is_not_there(fleet: Store) -> None:
    with pytest.raises(NotFound, match="SH575"):
        hosts.visits(fleet, "us99", ADA)
    with pytest.raises(NotFound, match="SH575"):
        hosts.visits(fleet, "us1", somebody(Scope("blog")))


def test_a_kept_fleet_is_at_each_moment_what_the_store_says(fleet: Store) -> None:
    kept = KeptFleet()
    for change in (
        lambda: None,
        lambda: observe(fleet, SHOP, 30.0, eu1="r0"),
        lambda: deploy(fleet, at=40.0),
    ):
        change()
        assert hosts.page(fleet, APPS, ADA, ALL, listing=kept) == hosts.page(fleet, APPS, ADA, ALL)
