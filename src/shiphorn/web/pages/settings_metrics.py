"""The tab of metrics: where measured values and marks of deploys go, and whether that works."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from shiphorn.model.people import Caller
from shiphorn.service.service import Service
from shiphorn.service.telling.sinks import SinkTried, listed, trying
from shiphorn.web.given import TheCaller, TheService, TheSite, in_thread
from shiphorn.web.pages.settings import tab


@get("/settings/metrics")
@in_thread
def show(service: TheService, caller: TheCaller) -> Response[Any]:
    """Where values and marks go, and what came of it last."""
    return _page(service, caller)


@post("/settings/metrics/{name:str}/test")
async def test(service: TheService, caller: TheCaller, site: TheSite, name: FromPath[str]) -> Response[Any]:
    """Send a test, and say what came of it."""
    tried = await trying(service, caller, name)
    if tried.taken:
        return site.back("/settings/metrics", f"A test went to {name}: {tried.seen_as}.")
    return await asyncio.to_thread(_page, service, caller, tried)


def _page(service: Service, caller: Caller, tried: SinkTried | None = None) -> Response[Any]:
    context = tab(
        caller,
        "Metrics",
        sinks=listed(service, caller),
        tried=tried,
        file=service.apps.path,
    )
    return Template("settings/metrics.html", context=context, status_code=200)


ROUTES = (show, test)
