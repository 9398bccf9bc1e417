"""The tab of the settings for webhooks: who is told of what happens, and what became of each word."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from shiphorn.model.events import KINDS
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller
from shiphorn.service.service import Service
from shiphorn.service.telling import webhooks
from shiphorn.web.forms import Reason
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, TheVault, in_thread
from shiphorn.web.pages.settings import tab
from shiphorn.web.queries import link, names, numbered

PAGE_DELIVERIES = 25
SOON_SECONDS = 30.0
"""A page looks again by itself when something is due so soon."""


@dataclass
class NewWebhook:
    """An address to tell of events: of those kinds, or of all; of an app or environment, or of all."""

    url: str = ""
    kinds: list[str] | str = ""
    app: str = ""
    environment: str = ""


@get("/settings/webhooks")
@in_thread
def show(service: TheService, caller: TheCaller) -> Response[Any]:
    """All webhooks with the last that each was sent, and a form for another one."""
    hooks = [(one, _last(service, caller, one.id)) for one in webhooks.listed(service.store, caller)]
    context = tab(caller, "Webhooks", hooks=hooks, kinds=KINDS, now=time.time())
    return Template("settings/webhooks.html", context=context | names(service, caller))


@post("/settings/webhooks")
@in_thread
def make(
    service: TheService, caller: TheCaller, vault: TheVault, data: Annotated[NewWebhook, Form]
) -> Response[Any]:
    """Make a webhook: its secret is shown once."""
    kinds = [data.kinds] if isinstance(data.kinds, str) else data.kinds
    secret, made = webhooks.make(
        service.store,
        vault,
        caller,
        data.url.strip(),
        time.time(),
        kinds=[one for one in kinds if one],
        scope=Scope(data.app, data.environment),
    )
    context = tab(caller, "Webhooks", hook=made, secret=secret)
    return Template("settings/webhook_made.html", context=context)


@get("/settings/webhooks/{webhook_id:int}")
@in_thread
def one(
    service: TheService, caller: TheCaller, webhook_id: FromPath[int], before: FromQuery[str] = ""
) -> Response[Any]:
    """A webhook, and the log of what it was sent."""
    hook, now = webhooks.get(service.store, caller, webhook_id), time.time()
    found = webhooks.deliveries(
        service.store, caller, webhook_id, before=numbered(before), limit=PAGE_DELIVERIES
    )
    path = f"/settings/webhooks/{webhook_id}"
    soon = any(one.next_at is not None and one.next_at < now + SOON_SECONDS for one in found.items)
    context = tab(
        caller,
        "Webhooks",
        hook=hook,
        deliveries=found.items,
        next=link(path, {"before": found.next}) if found.next else "",
        first=path if before else "",
        looks_again=soon and not before,
        now=now,
    )
    return Template("settings/webhook.html", context=context)


@post("/settings/webhooks/{webhook_id:int}/test")
@in_thread
def test(service: TheService, caller: TheCaller, site: TheSite, webhook_id: FromPath[int]) -> Response[Any]:
    """Have a test be sent."""
    webhooks.ping(service.store, caller, webhook_id, time.time())
    return site.back(f"/settings/webhooks/{webhook_id}", "A test is on its way.")


@post("/settings/webhooks/{webhook_id:int}/disable")
@in_thread
def disable(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    webhook_id: FromPath[int],
    data: Annotated[Reason, Form],
) -> Response[Any]:
    """Tell it nothing any more."""
    webhooks.disable(service.store, caller, webhook_id, time.time(), reason=data.reason)
    return site.back(f"/settings/webhooks/{webhook_id}", "It is told nothing any more.")


@post("/settings/webhooks/{webhook_id:int}/enable")
@in_thread
def enable(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    webhook_id: FromPath[int],
    data: Annotated[Reason, Form],
) -> Response[Any]:
    """Tell it again."""
    webhooks.enable(service.store, caller, webhook_id, time.time(), reason=data.reason)
    return site.back(f"/settings/webhooks/{webhook_id}", "It is told of what happens from now on.")


@post("/settings/webhooks/deliveries/{delivery_id:int}/again")
@in_thread
def again(service: TheService, caller: TheCaller, site: TheSite, delivery_id: FromPath[int]) -> Response[Any]:
    """Send a delivery once more."""
    sent = webhooks.again(service.store, caller, delivery_id, time.time())
    return site.back(f"/settings/webhooks/{sent.webhook_id}", "It is on its way once more.")


def _last(service: Service, caller: Caller, webhook_id: int) -> Any:
    found = webhooks.deliveries(service.store, caller, webhook_id, limit=1).items
    return found[0] if found else None


ROUTES = (show, make, one, test, disable, enable, again)
