"""Webhooks: told of events, signed, tried again, and each delivery by one courier."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shiphorn.adapters.vault import Vault
from shiphorn.adapters.webhook import Sender
from shiphorn.errors import Forbidden, Refused
from shiphorn.model.events import Asked, DeployStarted, PhaseStarted
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.service.telling import webhooks
from shiphorn.service.telling.webhooks import Courier
from shiphorn.store.store import Store
from tests.little_web import Web
from tests.service.past import BLOG, SHOP, STAGING, deploy

ADMIN = Caller("ada", "web", grants=(Grant(Role.ADMIN),))
VAULT = Vault(b"0" * 32)


@pytest.fixture
async def courier(store: Store) -> AsyncIterator[Courier]:
    sender = Sender(timeout_seconds=0.5)
    yield Courier(store, VAULT, sender, lambda: "https://deploy.example.com")
    await sender.close()


def told(store: Store, place: tuple[str, str] = SHOP, at: float = 10.0) -> int:
    """Have a deploy begin: its number."""
    number = deploy(store, place)
    store.records.add_events([DeployStarted(number, at, *place, "deploy", "main", "ada")])
    return number


def names_of(code: str) -> dict[str, Any]:
    """What a piece of code defines."""
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def address(web: Web, path: str = "/hook") -> str:
    return f"http://127.0.0.1:{web.port}{path}"


async def test_a_webhook_is_told_of_what_happens_after_it_was_made(
    store: Store, courier: Courier, web: Web
) -> None:
    told(store)
    webhooks.make(store, VAULT, ADMIN, address(web), 1.0)
    number = told(store)
    assert await courier.look() == 1
    assert await courier.look() == 0
    [body] = [json.loads(one) for one in web.bodies]
    assert (body["id"], body["kind"], body["at"]) == (2, "deploy_started", 10.0)
    assert body["event"]["actor"] == "ada"
    assert body["deploy"]["environment"] == "production"
    assert body["deploy"]["url"] == f"https://deploy.example.com/deploys/{number}"
    assert web.heads[0]["X-Shiphorn-Event"] == "deploy_started"


async def test_a_delivery_is_signed_with_the_secret_that_was_shown(
    store: Store, courier: Courier, web: Web
) -> None:
    secret, made = webhooks.make(store, VAULT, ADMIN, address(web), 1.0)
    told(store)
    await courier.look()
    parts = dict(part.split("=") for part in web.heads[0]["X-Shiphorn-Signature"].split(","))
    signed = parts["t"].encode() + b"." + web.bodies[0]
    assert parts["v1"] == hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert secret not in store.webhooks.secret(made.id)


async def test_the_guide_shows_how_to_verify_a_signature(store: Store, courier: Courier, web: Web) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    verify = names_of(guide.split("```python\n")[1].split("```")[0])["verify"]
    secret, _ = webhooks.make(store, VAULT, ADMIN, address(web), 1.0)
    told(store)
    await courier.look()
    header = web.heads[0]["X-Shiphorn-Signature"]
    assert verify(secret, header, web.bodies[0])
    assert not verify(secret, header, web.bodies[0] + b" ")
    assert not verify("whsec_other", header, web.bodies[0])


async def test_only_wanted_kinds_and_places_are_told(store: Store, courier: Courier, web: Web) -> None:
    webhooks.make(store, VAULT, ADMIN, address(web), 1.0, kinds=["deploy_started"], scope=Scope(*SHOP))
    told(store, BLOG)
    told(store, STAGING)
    wanted = told(store)
    store.records.add_events([PhaseStarted(wanted, 11.0, "build")])
    assert await courier.look() == 1
    assert json.loads(web.bodies[0])["deploy"]["id"] == wanted


async def test_what_is_not_taken_is_tried_again_and_kept_in_the_log(
    store: Store, courier: Courier, web: Web
) -> None:
    _, made = webhooks.make(store, VAULT, ADMIN, address(web), 1.0)
    told(store)
    web.status, web.body = 500, "x" * 5000
    await courier.look()
    [failed] = webhooks.deliveries(store, ADMIN, made.id).items
    assert (failed.status, failed.attempts, failed.answer) == (500, 1, "x" * 2048)
    assert failed.delivered_at is None
    assert failed.next_at is not None
    assert 9.0 < failed.next_at - failed.created_at < 15.0
    assert await courier.look() == 0

    web.status, web.body = 200, "thanks"
    webhooks.again(store, ADMIN, failed.id, 5.0)
    assert await courier.look() == 1
    [taken] = webhooks.deliveries(store, ADMIN, made.id).items
    assert (taken.status, taken.attempts, taken.answer, taken.next_at) == (200, 2, "thanks", None)
    assert taken.delivered_at is not None
    assert web.bodies[0] == web.bodies[1]


def test_pauses_grow_up_to_an_hour_and_end_after_a_day() -> None:
    assert [webhooks.next_try(count, 0.0, 0.0) for count in (1, 2, 3, 6, 9)] == [10, 30, 90, 2430, 3600]
    assert webhooks.next_try(9, 0.0, 86000.0) is None


async def test_a_redirect_is_not_followed(store: Store, courier: Courier, web: Web) -> None:
    webhooks.make(store, VAULT, ADMIN, address(web, "/302"), 1.0)
    told(store)
    await courier.look()
    assert web.asked == ["/302"]


async def test_who_does_not_answer_or_is_not_there_is_told_so_in_the_log(
    store: Store, courier: Courier, web: Web
) -> None:
    _, slow = webhooks.make(store, VAULT, ADMIN, address(web, "/slow"), 1.0)
    _, gone = webhooks.make(store, VAULT, ADMIN, "http://127.0.0.1:1/", 1.0)
    told(store)
    await courier.look()
    assert webhooks.deliveries(store, ADMIN, slow.id).items[0].answer == "no answer within 0.5 s"
    assert webhooks.deliveries(store, ADMIN, gone.id).items[0].answer.startswith("no answer: ")


async def test_two_couriers_tell_of_each_event_once(store: Store, courier: Courier, web: Web) -> None:
    webhooks.make(store, VAULT, ADMIN, address(web), 1.0)
    number = told(store)
    store.records.add_events([Asked(number, float(at), "stop", "ada") for at in range(40)])
    sender = Sender()
    other = Courier(store, VAULT, sender, lambda: "")
    tried = await asyncio.gather(courier.look(), other.look())
    await sender.close()
    assert sum(tried) == 41
    assert len({json.loads(body)["id"] for body in web.bodies}) == len(web.bodies) == 41


async def test_an_event_whose_number_is_lower_than_one_that_was_told_is_told_too(
    store: Store, courier: Courier, web: Web
) -> None:
    from sqlalchemy import insert

    from shiphorn.store.records import row_of
    from shiphorn.store.tables import events

    webhooks.make(store, VAULT, ADMIN, address(web), 1.0)
    number = deploy(store)
    late, first = (
        row_of(Asked(number, 2.0, "pause", "ada")) | {"id": 7},
        row_of(Asked(number, 1.0, "stop", "ada")) | {"id": 9},
    )
    for row in (first, late):
        with store.webhooks._database.begin() as connection:
            connection.execute(insert(events).values(row))
        await courier.look()
    assert [json.loads(body)["id"] for body in web.bodies] == [9, 7]


async def test_a_test_is_sent_at_once(store: Store, courier: Courier, web: Web) -> None:
    _, made = webhooks.make(store, VAULT, ADMIN, address(web), 1.0)
    first, second = (webhooks.ping(store, ADMIN, made.id, at) for at in (2.0, 3.0))
    assert (first.event_id, second.event_id) == (-1, -2)
    assert await courier.look() == 2
    assert json.loads(web.bodies[0])["kind"] == "ping"


async def test_a_disabled_webhook_hears_nothing_and_later_only_what_is_new(
    store: Store, courier: Courier, web: Web
) -> None:
    _, made = webhooks.make(store, VAULT, ADMIN, address(web), 1.0)
    webhooks.disable(store, ADMIN, made.id, 2.0)
    told(store)
    assert await courier.look() == 0
    with pytest.raises(Refused, match="disabled"):
        webhooks.ping(store, ADMIN, made.id, 3.0)
    webhooks.enable(store, ADMIN, made.id, 4.0)
    assert await courier.look() == 0
    last = told(store)
    await courier.look()
    assert [json.loads(body)["deploy"]["id"] for body in web.bodies] == [last]


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "file:///etc/passwd", "https://", "//x", "http://a b/"]
)
def test_only_the_web_is_told(store: Store, url: str) -> None:
    with pytest.raises(Refused, match="no address"):
        webhooks.make(store, VAULT, ADMIN, url, 1.0)


def test_a_kind_that_there_is_not_is_refused(store: Store) -> None:
    with pytest.raises(Refused, match="of the kind deploy_begun"):
        webhooks.make(store, VAULT, ADMIN, "https://example.com/", 1.0, kinds=["deploy_begun"])


def test_webhooks_are_for_who_is_admin_everywhere(store: Store) -> None:
    some = Caller("bob", "web", grants=(Grant(Role.ADMIN, Scope("shop")),))
    with pytest.raises(Forbidden):
        webhooks.make(store, VAULT, some, "https://example.com/", 1.0)
    with pytest.raises(Forbidden):
        webhooks.listed(store, some)


def test_acts_are_on_record(store: Store) -> None:
    _, made = webhooks.make(store, VAULT, ADMIN, "https://example.com/", 1.0)
    webhooks.ping(store, ADMIN, made.id, 2.0)
    webhooks.disable(store, ADMIN, made.id, 3.0, reason="moved")
    assert [act.act for act in store.audit.page()] == ["webhook disabled", "webhook tested", "webhook made"]
