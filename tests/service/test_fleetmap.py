"""Where hosts stand on the fleet map, and the byte of each state."""

from __future__ import annotations

from shiphorn.model.deploy import HostState, Placed
from shiphorn.service.deploys import fleetmap


def host(position: int, name: str, region: str, zone: str = "", *roles: str) -> Placed:
    return Placed(position, name, region, zone, roles)


def test_hosts_are_laid_out_by_region_zone_and_first_role_in_their_order() -> None:
    found = fleetmap.layout(
        [
            host(0, "web1.us", "us", "b", "web"),
            host(1, "db1.eu", "eu", "", "db", "web"),
            host(2, "web2.us", "us", "b", "web"),
            host(3, "job1.us", "us", "a"),
        ]
    )
    assert found["hosts"] == 4
    assert found["regions"] == [
        {
            "name": "us",
            "zones": [
                {"name": "b", "roles": [{"name": "web", "hosts": [[0, "web1.us"], [2, "web2.us"]]}]},
                {"name": "a", "roles": [{"name": "", "hosts": [[3, "job1.us"]]}]},
            ],
        },
        {
            "name": "eu",
            "zones": [
                {"name": "", "roles": [{"name": "db", "hosts": [[1, "db1.eu", ["db", "web"]]]}]},
            ],
        },
    ]


def test_a_snapshot_has_one_byte_a_host_by_a_fixed_table() -> None:
    assert fleetmap.snapshot(HostState) == bytes(range(12))
    assert fleetmap.layout([])["states"] == [
        "waiting",
        "probed",
        "staged",
        "armed",
        "flipped",
        "restarted",
        "done",
        "failed",
        "broken",
        "unknown",
        "removed",
        "reverted",
    ]
    assert fleetmap.snapshot(["done", "failed"]) == b"\x06\x07"


def test_only_hosts_that_moved_are_changes() -> None:
    assert fleetmap.changes(b"\0\1\2", b"\0\6\7") == [(1, 6), (2, 7)]
    assert fleetmap.changes(b"\0\1", b"\0\1") == []
