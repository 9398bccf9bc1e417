"""A deploy: live while it goes, and complete once it is over."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from litestar import MediaType, Request, Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import ServerSentEvent, Template
from litestar.response.sse import ServerSentEventMessage
from litestar.serialization import encode_json

from shiphorn.errors import ConfigError, NotFound
from shiphorn.model.deploy import TOLD, Deploy, Wish
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service import approvals, orders, records
from shiphorn.service.builds.repositories import compare_url
from shiphorn.service.deploys import after, fleetmap, printed, report
from shiphorn.service.deploys.live import Update
from shiphorn.service.service import Service
from shiphorn.web.forms import Reason
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread

PING_SECONDS = 10.0
"""How often a listener hears something, so that it knows when the connection is lost."""
_SAID = {
    Wish.PAUSE: "Asked for a pause: it comes once the hosts at work have settled.",
    Wish.CONTINUE: "It goes on.",
    Wish.STOP: "Asked to stop: all hosts go back to what they ran.",
    Wish.LEAVE: "Asked to stop: hosts that have switched stay as they are.",
}


@dataclass
class Asking:
    """What somebody wants of a deploy under way."""

    wish: Literal["pause", "continue", "stop", "leave"]
    reason: str = ""


@dataclass
class Ordering:
    """An order that follows from a deploy. The same `key` makes one, however often the form is sent."""

    reason: str = ""
    key: str = ""


@get("/deploys/{deploy_id:int}")
@in_thread
def show(
    service: TheService, caller: TheCaller, deploy_id: FromPath[int], q: FromQuery[str] = ""
) -> Response[Any]:
    """The whole page."""
    return Template("deploy.html", context=_context(service, caller, deploy_id, q))


@get("/deploys/{deploy_id:int}/parts")
@in_thread
def parts(
    service: TheService, caller: TheCaller, deploy_id: FromPath[int], q: FromQuery[str] = ""
) -> Response[Any]:
    """What changes on it."""
    return Template("parts/deploy.html", context=_context(service, caller, deploy_id, q))


@get("/deploys/{deploy_id:int}/logs")
@in_thread
def logs(
    service: TheService, caller: TheCaller, deploy_id: FromPath[int], q: FromQuery[str] = ""
) -> Response[Any]:
    """What its commands printed, or what of it contains a text."""
    deploy = service.deploy(caller, deploy_id)
    context = {"deploy": deploy, "printed": printed.printed(service.store, deploy_id, q), "q": q}
    return Template("parts/printed.html", context=context)


@get("/deploys/{deploy_id:int}/lines/{digest:str}")
@in_thread
def lines(
    service: TheService,
    caller: TheCaller,
    deploy_id: FromPath[int],
    digest: FromPath[str],
    anchor: FromQuery[str] = "L-",
    q: FromQuery[str] = "",
) -> Response[Any]:
    """All lines of one output, as part of the page."""
    deploy = service.deploy(caller, deploy_id)
    found, more = printed.lines_of(printed.whole(service.store, deploy_id, digest))
    context = {"deploy": deploy, "lines": found, "more": more, "digest": digest, "anchor": anchor, "q": q}
    return Template("parts/lines.html", context=context)


@get("/deploys/{deploy_id:int}/output/{digest:str}")
@in_thread
def output(
    service: TheService, caller: TheCaller, deploy_id: FromPath[int], digest: FromPath[str]
) -> Response[Any]:
    """One output as plain text."""
    service.deploy(caller, deploy_id)
    return Response(printed.whole(service.store, deploy_id, digest), media_type=MediaType.TEXT)


@get("/deploys/{deploy_id:int}/hosts/{name:str}")
@in_thread
def one_host(
    request: Request[Any, Any, Any],
    service: TheService,
    caller: TheCaller,
    deploy_id: FromPath[int],
    name: FromPath[str],
) -> Response[Any]:
    """What became of one host: a page of its own, and the side panel of the deploy's page."""
    deploy = service.deploy(caller, deploy_id)
    context = {
        "here": "History",
        "caller": caller,
        "deploy": deploy,
        "run": report.host_of(service.store, deploy_id, name),
        "told": TOLD,
        "checks": records.health(service.store, deploy_id, name),
        "prints": printed.printed_by(service.store, deploy_id, name),
        "q": "",
    }
    inside = request.headers.get("x-panel") == "yes"
    return Template("parts/deploy_host.html" if inside else "deploy_host.html", context=context)


@get("/deploys/{deploy_id:int}/layout")
@in_thread
def layout(service: TheService, caller: TheCaller, deploy_id: FromPath[int]) -> Response[Any]:
    """Where the hosts stand in the fleet map, and the code of the state of each, by position."""
    service.deploy(caller, deploy_id)
    hosts = service.store.hosts.placed(deploy_id)
    found = fleetmap.layout(hosts) | {"codes": list(fleetmap.snapshot(host.state for host in hosts))}
    return Response(encode_json(found), media_type=MediaType.JSON)


@get("/deploys/{deploy_id:int}/live")
async def live(
    request: Request[Any, Any, Any],
    service: TheService,
    caller: TheCaller,
    deploy_id: FromPath[int],
    after_event: FromQuery[int] = 0,
) -> ServerSentEvent:
    """All that happens, from after an event on."""
    await asyncio.to_thread(service.deploy, caller, deploy_id)
    header = request.headers.get("last-event-id", "")
    seen = int(header) if header.isdecimal() else after_event
    return ServerSentEvent(_told(service, deploy_id, seen))


@post("/deploys/{deploy_id:int}/ask")
@in_thread
def ask(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    deploy_id: FromPath[int],
    data: Annotated[Asking, Form],
) -> Response[Any]:
    """Pause, continue or end it."""
    wish = Wish(data.wish)
    orders.ask(service, caller, deploy_id, wish, data.reason)
    return site.back(f"/deploys/{deploy_id}", _SAID[wish])


@post("/deploys/{deploy_id:int}/approve")
async def approve(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    deploy_id: FromPath[int],
    data: Annotated[Reason, Form],
) -> Response[Any]:
    """Say that it may go out."""
    await approvals.approve(service, caller, deploy_id, data.reason)
    return site.back(f"/deploys/{deploy_id}", "You approved it. It goes on by itself.")


@post("/deploys/{deploy_id:int}/approve/withdraw")
@in_thread
def withdraw(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    deploy_id: FromPath[int],
    data: Annotated[Reason, Form],
) -> Response[Any]:
    """Take that back."""
    approvals.withdraw(service, caller, deploy_id, data.reason)
    return site.back(f"/deploys/{deploy_id}", "Your approval does not count any more.")


@post("/deploys/{deploy_id:int}/back")
async def go_back(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    deploy_id: FromPath[int],
    data: Annotated[Ordering, Form],
) -> Response[Any]:
    """Roll back to what was there before it."""
    made = await after.go_back(service, caller, deploy_id, data.reason, key=data.key)
    return site.back(f"/deploys/{made.id}", f"This takes back deploy {deploy_id}.")


@post("/deploys/{deploy_id:int}/again")
async def again(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    deploy_id: FromPath[int],
    data: Annotated[Ordering, Form],
) -> Response[Any]:
    """Do the same once more."""
    made = await after.again(service, caller, deploy_id, data.reason, key=data.key)
    return site.back(f"/deploys/{made.id}", f"The same as deploy {deploy_id}, once more.")


@post("/deploys/{deploy_id:int}/unlock")
@in_thread
def unlock(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    deploy_id: FromPath[int],
    data: Annotated[Reason, Form],
) -> Response[Any]:
    """Release the lock that it placed."""
    released = after.unlock(service, caller, deploy_id, data.reason)
    return site.back(f"/deploys/{deploy_id}", f"Unlocked {released[0].scope}: others may deploy again.")


async def _told(service: Service, deploy_id: int, seen: int) -> AsyncIterator[ServerSentEventMessage]:
    """The updates as server-sent events; between them, a word now and then that we are still here."""
    async with aclosing(service.live.listen(deploy_id, seen)) as updates:
        waiting: asyncio.Future[Update | None] | None = None
        try:
            while True:
                waiting = waiting or asyncio.ensure_future(anext(updates, None))
                await asyncio.wait({waiting}, timeout=PING_SECONDS)
                if not waiting.done():
                    yield ServerSentEventMessage("{}", event="ping")
                    continue
                update, waiting = waiting.result(), None
                if update is None:
                    return
                seen = max(seen, update.last_event)
                yield ServerSentEventMessage(update.json, event="update", id=seen)
                if update.ended:
                    return
        finally:
            if waiting is not None and waiting.cancel():
                await asyncio.wait({waiting})


def _context(service: Service, caller: Caller, deploy_id: int, text: str) -> dict[str, Any]:
    deploy = service.deploy(caller, deploy_id)
    made, told = service.reports.of(service.store, deploy, time.time())
    scope = Scope(deploy.order.app, deploy.order.environment)
    return {
        "here": "History",
        "caller": caller,
        "deploy": deploy,
        "order": deploy.order,
        "report": made,
        "course": made.course,
        "approvals": approvals.wanted(service, caller, deploy, made.course),
        "printed": printed.printed(service.store, deploy_id, text) if text else told,
        "q": text,
        "deployer": caller.may(Role.DEPLOYER, scope),
        "sound": _sounds(service, caller, deploy),
        "comparison": _comparison(service, deploy),
        "now": time.time(),
        "key": secrets.token_urlsafe(12),
    }


def _comparison(service: Service, deploy: Deploy) -> str:
    """The page of what a deploy brought, at the forge of its repository."""
    try:
        repo = service.apps.config(deploy.order.app).repo
    except NotFound:
        return ""
    return compare_url(service.apps.service, repo, deploy.from_sha, deploy.sha)


def _sounds(service: Service, caller: Caller, deploy: Deploy) -> bool:
    try:
        config = service.config(caller, deploy.order.app)
        return config.environment(deploy.order.environment).sound
    except (ConfigError, NotFound):
        # The app, or its environment, is not there any more.
        return False


ROUTES = (
    show,
    parts,
    logs,
    lines,
    output,
    one_host,
    layout,
    live,
    ask,
    approve,
    withdraw,
    go_back,
    again,
    unlock,
)
