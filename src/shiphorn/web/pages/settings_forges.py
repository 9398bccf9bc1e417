"""The tab of forges: how each stands, where its webhooks go to, and what came of them."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from shiphorn.model.people import Caller
from shiphorn.service.builds.listed import Asked, ask, deliveries, listed
from shiphorn.service.service import Service
from shiphorn.web.given import TheCaller, TheService, TheSite, in_thread
from shiphorn.web.pages.settings import tab
from shiphorn.web.queries import link, numbered

PAGE_DELIVERIES = 25
EVENTS = {
    "github": "Statuses, Check runs, Workflow runs, Pushes and Pull requests; content type application/json",
    "gitlab": "Push, Merge request, Job and Pipeline events",
    "gitea": "Push, Pull request (its labels, too) and Status events; POST, application/json",
    "jenkins": "a POST at the end of each build, signed with the secret",
    "generic": "a POST for each build, signed with the secret",
}
"""What is to be ticked where the webhook is made."""


@get("/settings/forges")
@in_thread
def show(
    request: Request[Any, Any, Any],
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    forge: FromQuery[str] = "",
    before: FromQuery[str] = "",
) -> Response[Any]:
    """All forges, and the log of what they sent, of one or of all."""
    return _page(service, caller, _address(request, site.base), forge=forge, before=before)


@post("/settings/forges/{name:str}/ask")
async def ask_now(
    request: Request[Any, Any, Any],
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    name: FromPath[str],
) -> Response[Any]:
    """Ask a forge, and say what came of it."""
    asked = await ask(service, caller, name)
    if asked.answered:
        return site.back("/settings/forges", f"{name} has answered.")
    return await asyncio.to_thread(_page, service, caller, _address(request, site.base), asked=asked)


def _page(
    service: Service,
    caller: Caller,
    address: str,
    *,
    forge: str = "",
    before: str = "",
    asked: Asked | None = None,
) -> Response[Any]:
    forges = listed(service, caller, address)
    found = deliveries(service, caller, forge, before=numbered(before), limit=PAGE_DELIVERIES)
    path, of = "/settings/forges", {"forge": forge} if forge else {}
    context = tab(
        caller,
        "Forges",
        forges=forges,
        receipts=found.items,
        chosen=forge,
        asked=asked,
        events=EVENTS,
        file=service.apps.path,
        next=link(path, of | {"before": found.next}) if found.next else "",
        first=link(path, of) if before else "",
    )
    return Template("settings/forges.html", context=context, status_code=200)


def _address(request: Request[Any, Any, Any], base: str) -> str:
    """Where the browser found this service: for shiphorn.yml may not say."""
    return f"{request.url.scheme}://{request.url.netloc}{base}"


ROUTES = (show, ask_now)
