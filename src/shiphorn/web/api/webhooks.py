"""Outgoing webhooks and the log of what they were sent."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from litestar import get, post
from litestar.params import JSONBody

from shiphorn.model.locks import Scope
from shiphorn.model.webhooks import Delivery, Webhook
from shiphorn.service.telling import webhooks as hooks
from shiphorn.service.telling.webhooks import DeliveryPage
from shiphorn.web.api.given import Before, Limit, Number, ReasonBody, in_thread
from shiphorn.web.given import TheCaller, TheService, TheVault


@dataclass
class WebhookBody:
    """An address to be told of events: of these kinds, or of all; of an app or environment, or of all."""

    url: str
    kinds: list[str] = field(default_factory=list)
    app: str = ""
    environment: str = ""


@dataclass(frozen=True)
class Made:
    """A webhook, and the secret that its deliveries are signed with. It is shown this once."""

    webhook: Webhook
    secret: str


@get("/webhooks")
@in_thread
def webhooks(service: TheService, caller: TheCaller) -> list[Webhook]:
    """All webhooks."""
    return hooks.listed(service.store, caller)


@post("/webhooks")
@in_thread
def make(service: TheService, caller: TheCaller, vault: TheVault, data: JSONBody[WebhookBody]) -> Made:
    """Make a webhook."""
    scope = Scope(data.app, data.environment)
    secret, made = hooks.make(
        service.store, vault, caller, data.url, time.time(), kinds=data.kinds, scope=scope
    )
    return Made(made, secret)


@post("/webhooks/{webhook_id:int}/test", status_code=200)
@in_thread
def test(service: TheService, caller: TheCaller, webhook_id: Number) -> Delivery:
    """Have a test be sent; the log of its deliveries shows what came of it."""
    return hooks.ping(service.store, caller, webhook_id, time.time())


@post("/webhooks/{webhook_id:int}/disable", status_code=200)
@in_thread
def disable(
    service: TheService, caller: TheCaller, webhook_id: Number, data: JSONBody[ReasonBody]
) -> Webhook:
    """Tell it nothing any more."""
    return hooks.disable(service.store, caller, webhook_id, time.time(), reason=data.reason)


@post("/webhooks/{webhook_id:int}/enable", status_code=200)
@in_thread
def enable(service: TheService, caller: TheCaller, webhook_id: Number, data: JSONBody[ReasonBody]) -> Webhook:
    """Tell it again, of what happens from now on."""
    return hooks.enable(service.store, caller, webhook_id, time.time(), reason=data.reason)


@get("/webhooks/{webhook_id:int}/deliveries")
@in_thread
def deliveries(
    service: TheService,
    caller: TheCaller,
    webhook_id: Number,
    before: Before = None,
    limit: Limit = 50,
) -> DeliveryPage:
    """What it was sent, newest first, and what it answered."""
    return hooks.deliveries(service.store, caller, webhook_id, before=before, limit=limit)


@post("/deliveries/{delivery_id:int}/again", status_code=200)
@in_thread
def again(service: TheService, caller: TheCaller, delivery_id: Number) -> Delivery:
    """Send a delivery once more."""
    return hooks.again(service.store, caller, delivery_id, time.time())


ROUTES = (webhooks, make, test, disable, enable, deliveries, again)
