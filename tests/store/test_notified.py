"""How far notifiers are, on both databases."""

from __future__ import annotations

from shiphorn.model.events import Asked
from shiphorn.model.notices import Standing
from shiphorn.store.store import Store
from tests.service.past import deploy


def happen(store: Store, count: int) -> None:
    number = deploy(store)
    store.records.add_events([Asked(number, float(at), "stop", "ada") for at in range(count)])


def unseen(store: Store, name: str = "team") -> list[int]:
    return [one.id for one in store.notified.unseen(store.notified.listed()[name], ["asked"])]


def test_a_notifier_begins_where_it_was_added(store: Store) -> None:
    happen(store, 2)
    store.notified.keep(["team"])
    assert store.notified.listed() == {"team": Standing("team", 2, 2)}
    happen(store, 2)
    store.notified.keep(["team", "other"])
    assert (unseen(store), unseen(store, "other")) == ([3, 4], [])
    store.notified.keep([])
    assert store.notified.listed() == {}


def test_followers_keep_their_places_apart(store: Store) -> None:
    store.notified.keep(["metrics:graphite", "metrics:statsd"], "metrics:")
    store.notified.keep(["forge_%:hub"], "forge_%:")
    store.notified.keep(["team"])
    store.notified.keep(["metrics:statsd"], "metrics:")
    assert set(store.notified.listed()) == {"metrics:statsd", "forge_%:hub", "team"}
    store.notified.keep([])
    assert set(store.notified.listed()) == {"metrics:statsd", "forge_%:hub"}


def test_each_event_is_looked_at_once_though_a_lower_number_comes_later(store: Store) -> None:
    store.notified.keep(["team"])
    happen(store, 600)
    assert unseen(store) == list(range(1, 501))
    store.notified.look_on("team", [number for number in range(1, 501) if number != 450])
    assert unseen(store) == [450, *range(501, 601)]
    store.notified.look_on("team", [450])
    assert store.notified.listed()["team"].known == frozenset(range(301, 501))


def test_one_process_tells_at_a_time(store: Store) -> None:
    store.notified.keep(["team"])
    standing = store.notified.listed()["team"]
    assert store.notified.claim(standing, 60.0)
    assert not store.notified.claim(standing, 61.0)
    store.notified.free("team", 2.0)
    assert not store.notified.claim(standing, 61.0)


def test_what_came_of_it_is_kept(store: Store) -> None:
    store.notified.keep(["team"])
    store.notified.refused("team", 2, "503", 5.0)
    found = store.notified.listed()["team"]
    assert (found.failures, found.problem, found.failed_at, found.told_at) == (2, "503", 5.0, None)
    store.notified.took("team", 6.0)
    found = store.notified.listed()["team"]
    assert (found.failures, found.told_at, found.failed_at) == (0, 6.0, 5.0)
