"""One-time codes, and who is in which network."""

from __future__ import annotations

from shiphorn.model.chat import CodeUse
from shiphorn.model.people import Person
from shiphorn.store.store import Store


def ada(store: Store) -> Person:
    made = store.people.add("ada", 0.0)
    assert made is not None
    return made


def test_a_code_works_once_for_its_use_and_not_for_long(store: Store) -> None:
    person = ada(store)
    code = store.codes.make(person.id, CodeUse.ACT, 0.0, 300.0)
    assert store.codes.use(code, CodeUse.LINK, 1.0) is None
    assert store.codes.owner(code, CodeUse.ACT, 1.0) == person.id
    assert store.codes.use(code, CodeUse.ACT, 1.0) == person.id
    assert store.codes.use(code, CodeUse.ACT, 2.0) is None
    assert store.codes.owner(code, CodeUse.ACT, 2.0) is None
    late = store.codes.make(person.id, CodeUse.ACT, 0.0, 300.0)
    assert store.codes.use(late, CodeUse.ACT, 300.0) is None


def test_another_code_takes_the_place_of_the_one_before(store: Store) -> None:
    person = ada(store)
    first = store.codes.make(person.id, CodeUse.LINK, 0.0, 600.0)
    second = store.codes.make(person.id, CodeUse.LINK, 1.0, 600.0)
    assert store.codes.use(first, CodeUse.LINK, 2.0) is None
    assert store.codes.use(second, CodeUse.LINK, 2.0) == person.id
    store.codes.forget(600.0)


def test_one_process_is_in_a_network_until_it_is_not_heard_of(store: Store) -> None:
    networks = store.chat_networks
    networks.keep(["libera"])
    assert networks.claim("libera", "one", 0.0, 30.0)
    assert not networks.claim("libera", "two", 29.0, 60.0)
    assert networks.claim("libera", "one", 29.0, 60.0)
    networks.stands("libera", "two", nick="x", connected_at=1.0, rooms={}, problem="", failed_at=None)
    networks.stands(
        "libera", "one", nick="horn", connected_at=1.0, rooms={"#ops": ""}, problem="", failed_at=None
    )
    assert networks.listed()["libera"].nick == "horn"
    assert networks.listed()["libera"].rooms == {"#ops": ""}
    networks.leave("one")
    assert networks.claim("libera", "two", 31.0, 60.0)
    networks.keep([])
    assert networks.listed() == {}
