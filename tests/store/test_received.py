"""What forges sent: taken once, whoever else takes it at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shiphorn.model.forge import Progress
from shiphorn.store.forge_deployments import Known
from shiphorn.store.store import Store
from tests.service.past import SHOP, STAGING, deploy

CAME: dict[str, Any] = {"sender": "hub", "delivery": "1", "kind": "push", "address": "", "at": 5.0, "size": 2}


def test_what_many_processes_receive_at_once_is_taken_by_one(store: Store) -> None:
    def take(number: int) -> bool:
        return store.received.take(f"nonce {number}", f"name {number % 2}", "the same content", **CAME)

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(take, range(16)))

    assert taken.count(True) == 1
    # Whoever asks again, as after a connection was lost, has taken it still.
    assert take(taken.index(True)) is True
    assert store.received.take("nonce", "name 0", "the same content", **CAME | {"sender": "other"})


def test_what_failed_may_come_again_and_what_was_refused_is_no_delivery(store: Store) -> None:
    store.received.refuse("first", "its signature is wrong", **CAME)
    assert store.received.take("second", "name", "content", **CAME)
    store.received.end("second", "failed", "the disk is full")
    assert store.received.take("third", "name", "content", **CAME)
    store.received.end("third", "taken", "main is at 6957bb87 now")

    assert [(one.outcome, one.problem) for one in store.received.page()] == [
        ("taken", "main is at 6957bb87 now"),
        ("failed", "the disk is full"),
        ("refused", "its signature is wrong"),
    ]
    assert [one.outcome for one in store.received.page("hub", before=2)] == ["refused"]
    assert store.received.page("other") == []
    assert store.received.last()["hub"].outcome == "taken"


def test_what_a_later_deploy_replaces_is_known(store: Store) -> None:
    first, other, last = deploy(store, SHOP), deploy(store, STAGING), deploy(store, SHOP)
    for number in (first, other, last):
        store.forge_deployments.put(Known(number, "hub", "acme/shop", "production", "7", Progress.UNDER_WAY))
        known = store.forge_deployments.get(number, "hub")
        assert known is not None
        store.forge_deployments.put(known._replace(state=Progress.DONE))

    replaced = store.forge_deployments.replaced(last, "hub", *SHOP)

    assert [(one.deploy_id, one.state) for one in replaced] == [(first, Progress.DONE)]
    assert store.forge_deployments.replaced(last, "lab", *SHOP) == []
    assert store.forge_deployments.get(last, "lab") is None
