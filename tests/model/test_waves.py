"""Waves: which hosts come when."""

from hypothesis import given
from hypothesis import strategies as st

from shiphorn.model.target import Host
from shiphorn.model.waves import Waves, split


def host(name: str, region: str = "eu", zone: str = "", *roles: str) -> Host:
    return Host(name, name, region=region, zone=zone, roles=roles)


def names(hosts: list[Host], waves: Waves) -> list[list[str]]:
    return [[one.name for one in wave] for wave in split(hosts, waves)]


FLEET = [
    host("eu1", "eu", "a", "web"),
    host("eu2", "eu", "b", "db", "web"),
    host("us1", "us", "a", "web"),
    host("us2", "us", "b", "worker"),
]


def test_all_hosts_are_one_wave_when_nothing_is_said() -> None:
    assert names(FLEET, Waves()) == [["eu1", "us1", "eu2", "us2"]]


def test_sizes_say_how_many_hosts_have_the_release_by_then_taken_from_each_region_in_turn() -> None:
    assert names(FLEET, Waves(("1", "50%"))) == [["eu1"], ["us1"], ["eu2", "us2"]]


def test_sizes_can_be_taken_within_each_region_at_once() -> None:
    assert names(FLEET, Waves(("1",), per="region")) == [["eu1", "us1"], ["eu2", "us2"]]


def test_regions_can_follow_each_other_in_an_order() -> None:
    assert names(FLEET, Waves(by="region", order=("us",))) == [["us1", "us2"], ["eu1", "eu2"]]


def test_zones_and_roles_can_follow_each_other_and_a_host_has_the_first_role_that_is_ordered() -> None:
    assert names(FLEET, Waves(by="zone")) == [["eu1", "us1"], ["eu2", "us2"]]
    assert names(FLEET, Waves(by="role", order=("db", "web"))) == [["eu2"], ["eu1", "us1"], ["us2"]]


def test_each_group_has_a_canary_of_its_own() -> None:
    assert names(FLEET, Waves(("1",), by="region")) == [["eu1"], ["eu2"], ["us1"], ["us2"]]


hosts = st.lists(
    st.builds(host, st.uuids().map(str), st.sampled_from("xyz"), st.sampled_from(["", "a", "b"])),
    unique_by=lambda one: one.name,
)
sizes = st.lists(st.one_of(st.integers(1, 40).map(str), st.integers(1, 100).map(lambda n: f"{n}%")))
attributes = st.sampled_from(["", "region", "zone", "role"])


@given(hosts, st.builds(Waves, sizes.map(tuple), attributes, attributes))
def test_every_host_is_in_exactly_one_wave(all_hosts: list[Host], waves: Waves) -> None:
    found = split(all_hosts, waves)
    assert all(found)
    assert sorted(one.name for wave in found for one in wave) == sorted(one.name for one in all_hosts)
