"""The tab of chats: the networks that shiphorn is in, and whether that works."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from shiphorn.model.people import Caller
from shiphorn.service.service import Service
from shiphorn.service.telling.chats import listed, trying
from shiphorn.service.telling.notifiers import Tried
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread
from shiphorn.web.pages.settings import tab


@dataclass
class Room:
    """A channel to try."""

    channel: str = ""


@get("/settings/chat")
@in_thread
def show(service: TheService, caller: TheCaller) -> Response[Any]:
    """Where shiphorn is, and what came of it last."""
    return _page(service, caller)


@post("/settings/chat/{name:str}/test")
async def test(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    name: FromPath[str],
    data: Annotated[Room, Form],
) -> Response[Any]:
    """Say something in a channel, and tell what came of it."""
    tried = await trying(service, caller, name, data.channel)
    if tried.taken:
        return site.back("/settings/chat", f"{data.channel} has taken the test.")
    return await asyncio.to_thread(_page, service, caller, tried)


def _page(service: Service, caller: Caller, tried: Tried | None = None) -> Response[Any]:
    networks = listed(service, caller)
    context = tab(caller, "Chat", networks=networks, tried=tried, file=service.apps.path)
    return Template("settings/chat.html", context=context, status_code=200)


ROUTES = (show, test)
