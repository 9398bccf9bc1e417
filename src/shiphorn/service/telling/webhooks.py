"""Webhooks: made, tested and turned off by admins, and told of events by a courier."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shiphorn.adapters.vault import Vault
from shiphorn.adapters.webhook import SIGNATURE, Sender, signature
from shiphorn.errors import DatabaseError, NotFound, Refused
from shiphorn.model.events import KINDS
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.model.webhooks import TEST, Delivery, Happened, Webhook
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.audit import record
from shiphorn.store.store import Store
from shiphorn.store.webhooks import OVERLAP

LOOK_SECONDS = 1.0
AT_ONCE = 8
CLAIM_SECONDS = 60.0
"""Whoever has not told by then what came of a delivery has died."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 10.0, 3600.0
RETRY_SECONDS = 86400.0
"""How long a delivery is tried again."""
KEPT_SECONDS = 30 * 86400.0
_PURPOSE = "webhook"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Some deliveries, newest first. `next` is the number to go on before; None is the end."""

    items: Sequence[Delivery]
    next: int | None


def make(
    store: Store,
    vault: Vault,
    caller: Caller,
    url: str,
    now: float,
    *,
    kinds: Sequence[str] = (),
    scope: Scope = EVERYWHERE,
) -> tuple[str, Webhook]:
    """Make a webhook: the secret that its deliveries are signed with, which is shown once, and the webhook.

    No kinds are all kinds. Raises Forbidden SH550, Refused SH566 (its address, or a kind that there is not).
    """
    require(caller, Role.ADMIN, EVERYWHERE, "make webhooks", store)
    _require_good(url, kinds)
    secret = f"whsec_{secrets.token_urlsafe(32)}"
    made = store.webhooks.add(url, vault.encrypt(secret, _PURPOSE), kinds, scope, caller.name, now)
    facts = {"webhook": made.id, "url": url, "kinds": list(kinds)}
    record(store, caller, "webhook made", scope, now, facts=facts)
    return secret, made


def listed(store: Store, caller: Caller) -> list[Webhook]:
    """All webhooks, in the order in which they were made. Raises SH550."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at webhooks", store)
    return store.webhooks.listed()


def get(store: Store, caller: Caller, webhook_id: int) -> Webhook:
    """A webhook. Raises SH550, NotFound SH567."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at webhooks", store)
    found = store.webhooks.get(webhook_id)
    if found is None:
        raise NotFound("SH567", f"there is no webhook {webhook_id}.")
    return found


def disable(store: Store, caller: Caller, webhook_id: int, now: float, *, reason: str = "") -> Webhook:
    """Tell a webhook nothing any more; what is under way is given up. Raises SH550, SH567."""
    hook = get(store, caller, webhook_id)
    store.webhooks.disable(hook.id, now)
    record(store, caller, "webhook disabled", hook.scope, now, reason=reason, facts=_facts(hook))
    return get(store, caller, webhook_id)


def enable(store: Store, caller: Caller, webhook_id: int, now: float, *, reason: str = "") -> Webhook:
    """Tell a webhook again, of what happens from now on. Raises SH550, SH567."""
    hook = get(store, caller, webhook_id)
    store.webhooks.enable(hook.id)
    record(store, caller, "webhook enabled", hook.scope, now, reason=reason, facts=_facts(hook))
    return get(store, caller, webhook_id)


def ping(store: Store, caller: Caller, webhook_id: int, now: float) -> Delivery:
    """Have a test be sent. Raises SH550, SH567, Refused SH568 (it is disabled)."""
    hook = _at_work(get(store, caller, webhook_id))
    body = {"kind": TEST, "at": now, "webhook": hook.id, "by": caller.name}
    record(store, caller, "webhook tested", hook.scope, now, facts=_facts(hook))
    return store.webhooks.ping(hook.id, TEST, json.dumps(body), now)


def deliveries(
    store: Store, caller: Caller, webhook_id: int, *, before: int | None = None, limit: int = 50
) -> DeliveryPage:
    """The last deliveries to a webhook. Raises SH550, SH567."""
    found = store.webhooks.deliveries(get(store, caller, webhook_id).id, before, limit + 1)
    return DeliveryPage(found[:limit], found[limit - 1].id if len(found) > limit else None)


def again(store: Store, caller: Caller, delivery_id: int, now: float) -> Delivery:
    """Have a delivery be sent once more. Raises SH550, SH567, SH568."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at webhooks", store)
    found = store.webhooks.delivery(delivery_id)
    if found is None:
        raise NotFound("SH567", f"there is no delivery {delivery_id}.")
    hook = _at_work(get(store, caller, found.webhook_id))
    store.webhooks.again(found.id, now)
    record(store, caller, "webhook told again", hook.scope, now, facts=_facts(hook) | {"delivery": found.id})
    return store.webhooks.delivery(found.id) or found


class Courier:
    """Tells webhooks of events. Several may work on a database: each delivery is taken by one of them.

    `url` is where the service is reached, "" when nobody knows. A receiver may be told twice of the same, by
    the same number: when the word of its answer was lost.
    """

    def __init__(self, store: Store, vault: Vault, sender: Sender, url: Callable[[], str]) -> None:
        self._store = store
        self._vault = vault
        self._sender = sender
        self._url = url
        self._known: set[int] = set()

    async def work(self) -> None:
        """Look for what is to be told, and tell it, until cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseError as error:
                _log.warning("webhooks: %s", error)
            except Exception:  # noqa: BLE001 - what went wrong with one look may go well with the next
                _log.exception("webhooks: a defect")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Tell what is due now: how many deliveries were tried."""
        now = time.time()
        await asyncio.to_thread(self._collect, now)
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(delivery: Delivery) -> bool:
            async with limit:
                return await self._send(delivery)

        due = await asyncio.to_thread(self._store.webhooks.due, now)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(delivery)) for delivery in due]
        return sum(task.result() for task in tasks)

    def _collect(self, now: float) -> None:
        """Make deliveries of the events that came."""
        hooks = [hook for hook in self._store.webhooks.listed() if hook.disabled_at is None]
        happened = self._store.webhooks.unseen(self._known) if hooks else []
        if not happened:
            return
        numbers = {
            one.deploy_id for one in happened if any(hook.wants(one.kind, one.scope) for hook in hooks)
        }
        deploys = {number: self._deploy(number) for number in numbers}
        for hook in hooks:
            wanted = [event for event in happened if hook.wants(event.kind, event.scope)]
            told = [(event, _body(event, deploys[event.deploy_id])) for event in wanted]
            self._store.webhooks.deliver(hook.id, told, happened[-1].id, now)
        self._known |= {event.id for event in happened}
        self._known = {number for number in self._known if number > happened[-1].id - 2 * OVERLAP}

    def _deploy(self, number: int) -> dict[str, Any]:
        """What is told of a deploy with each of its events."""
        deploy = self._store.deploys.get(number)
        about: dict[str, Any] = {"id": number}
        if deploy is not None:
            order = deploy.order
            about |= {name: getattr(order, name) for name in ("app", "environment", "kind", "ref", "actor")}
            about |= {name: getattr(deploy, name) for name in ("sha", "release", "state", "code", "message")}
        if self._url():
            about["url"] = f"{self._url()}/deploys/{number}"
        return about

    async def _send(self, delivery: Delivery) -> bool:
        webhooks = self._store.webhooks
        if not await asyncio.to_thread(webhooks.claim, delivery, time.time() + CLAIM_SECONDS):
            return False
        hook = await asyncio.to_thread(webhooks.get, delivery.webhook_id)
        sealed = await asyncio.to_thread(webhooks.secret, delivery.webhook_id)
        secret = self._vault.decrypt(sealed, _PURPOSE)
        problem = _problem(hook, secret)
        if hook is None or secret is None or problem:
            await asyncio.to_thread(webhooks.tried, delivery.id, None, problem)
            return True
        body = delivery.body.encode()
        headers = {
            SIGNATURE: signature(secret, body, int(time.time())),
            "X-Shiphorn-Event": delivery.kind,
            "X-Shiphorn-Delivery": str(delivery.id),
        }
        answered = await self._sender.send(hook.url, body, headers)
        now = time.time()
        delivered_at = now if answered.is_good else None
        next_at = None if answered.is_good else next_try(delivery.attempts + 1, delivery.created_at, now)
        await asyncio.to_thread(
            webhooks.tried,
            delivery.id,
            answered.status,
            answered.text,
            delivered_at=delivered_at,
            next_at=next_at,
        )
        return True


def next_try(attempts: int, since: float, now: float) -> float | None:
    """When a delivery is tried again that failed for so many times; None when it is given up."""
    pause = min(FIRST_PAUSE_SECONDS * 3.0 ** (attempts - 1), LONGEST_PAUSE_SECONDS)
    return now + pause if now + pause <= since + RETRY_SECONDS else None


def _body(event: Happened, deploy: dict[str, Any]) -> str:
    told = {"id": event.id, "kind": event.kind, "at": event.at, "deploy": deploy, "event": event.body}
    return json.dumps(told)


def _require_good(url: str, kinds: Sequence[str]) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or any(sign <= " " for sign in url) or len(url) > 2000:
        raise Refused("SH566", f"{url} is no address that can be told.", hint="It begins with https://.")
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise Refused(
            "SH566", f"there are no events of the kind {unknown[0]}.", hint=f"There are {', '.join(KINDS)}."
        )


def _problem(hook: Webhook | None, secret: str | None) -> str:
    if hook is None or hook.disabled_at is not None:
        return "the webhook was disabled"
    return "" if secret else "its secret cannot be read: the service has another key than when it was made"


def _at_work(hook: Webhook) -> Webhook:
    if hook.disabled_at is not None:
        raise Refused("SH568", f"webhook {hook.id} is disabled.", hint="Enable it first.")
    return hook


def _facts(hook: Webhook) -> dict[str, Any]:
    return {"webhook": hook.id, "url": hook.url}
