"""Webhooks and deliveries, on both databases."""

from __future__ import annotations

from shiphorn.model.events import Asked
from shiphorn.model.locks import Scope
from shiphorn.model.webhooks import Happened, Webhook
from shiphorn.store.store import Store
from tests.service.past import SHOP, deploy


def made(store: Store, secret: str = "sealed") -> Webhook:
    return store.webhooks.add("https://example.com/", secret, ["asked"], Scope("shop"), "ada", 1.0)


def happened(store: Store, count: int = 1) -> list[Happened]:
    """Have something happen: the events that no webhook has looked at."""
    number = deploy(store)
    store.records.add_events([Asked(number, float(at), "stop", "ada") for at in range(count)])
    return store.webhooks.unseen(())


def test_a_webhook_is_kept_with_its_secret_apart(store: Store) -> None:
    hook = made(store)
    assert store.webhooks.listed() == [hook]
    assert (hook.kinds, hook.scope, hook.disabled_at) == (("asked",), Scope("shop"), None)
    assert store.webhooks.secret(hook.id) == "sealed"
    assert made(store) == hook


def test_an_event_is_delivered_once(store: Store) -> None:
    hook = made(store)
    events = happened(store, 2)
    assert [(event.kind, event.scope) for event in events] == [("asked", Scope(*SHOP))] * 2
    for _ in range(2):
        store.webhooks.deliver(hook.id, [(event, "{}") for event in events], events[-1].id, 2.0)
    assert [one.event_id for one in store.webhooks.deliveries(hook.id)] == [events[1].id, events[0].id]
    assert store.webhooks.deliveries(hook.id, before=2, limit=5) == store.webhooks.deliveries(hook.id)[1:]
    assert store.webhooks.unseen({event.id for event in events}) == []


def test_what_is_due_is_taken_by_one(store: Store) -> None:
    hook = made(store)
    [event] = happened(store)
    store.webhooks.deliver(hook.id, [(event, "{}")], event.id, 2.0)
    assert store.webhooks.due(1.0) == []
    [due] = store.webhooks.due(2.0)
    assert store.webhooks.claim(due, 60.0)
    assert not store.webhooks.claim(due, 60.0)
    assert store.webhooks.due(59.0) == []
    [left] = store.webhooks.due(60.0)
    assert left.attempts == 1
    store.webhooks.tried(left.id, 200, "thanks", delivered_at=61.0)
    assert store.webhooks.due(1e9) == []
    store.webhooks.again(left.id, 70.0)
    assert [one.id for one in store.webhooks.due(70.0)] == [left.id]


def test_tests_have_numbers_of_their_own(store: Store) -> None:
    hook = made(store)
    assert [store.webhooks.ping(hook.id, "ping", "{}", at).event_id for at in (1.0, 2.0)] == [-1, -2]
    assert [one.kind for one in store.webhooks.due(2.0)] == ["ping", "ping"]


def test_a_webhook_that_is_enabled_again_hears_what_is_new(store: Store) -> None:
    hook = made(store)
    store.webhooks.disable(hook.id, 2.0)
    assert happened(store) == []
    store.webhooks.enable(hook.id)
    old = store.webhooks.unseen(())
    store.webhooks.deliver(hook.id, [(event, "{}") for event in old], 1, 3.0)
    assert store.webhooks.deliveries(hook.id) == []
    new = happened(store)[-1]
    store.webhooks.deliver(hook.id, [(new, "{}")], new.id, 4.0)
    assert [one.event_id for one in store.webhooks.deliveries(hook.id)] == [new.id]


def test_deliveries_that_are_over_are_dropped_after_a_while(store: Store) -> None:
    hook = made(store)
    events = happened(store, 2)
    store.webhooks.deliver(hook.id, [(event, "{}") for event in events], events[-1].id, 2.0)
    [first, _] = store.webhooks.due(2.0)
    store.webhooks.tried(first.id, 200, "", delivered_at=3.0)
    store.webhooks.forget(2.5)
    assert len(store.webhooks.deliveries(hook.id)) == 1
