"""The board: what every environment of every app runs, what moves, and what is in the way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromQuery
from litestar.response import ServerSentEvent, Template

from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service import heartbeat, orders
from shiphorn.service.auto.standing import by_place, standings
from shiphorn.service.board import board
from shiphorn.service.freezes import frozen
from shiphorn.service.service import Service
from shiphorn.web.forms import Reason
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread


@get("/")
@in_thread
def show(service: TheService, caller: TheCaller, q: FromQuery[str] = "") -> Response[Any]:
    """The whole page."""
    return Template("board.html", context=_context(service, caller, q))


@get("/board")
@in_thread
def rows(service: TheService, caller: TheCaller, q: FromQuery[str] = "") -> Response[Any]:
    """What changes on it."""
    return Template("parts/board.html", context=_context(service, caller, q))


@get("/board/changes")
async def changes(
    service: TheService,
    caller: TheCaller,  # noqa: ARG001 - for who is known
    since: FromQuery[str] = "",
) -> ServerSentEvent:
    """A word whenever there is something new to see, than there was `since`."""

    async def words() -> AsyncIterator[dict[str, str]]:
        async for state in service.heartbeat.changes(since):
            yield {"event": "changed", "data": state}

    return ServerSentEvent(words())


@post("/pause")
@in_thread
def pause(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Reason, Form]
) -> Response[Any]:
    """Lock everything, and hold what is under way."""
    _, asked = orders.pause_everything(service, caller, data.reason)
    return site.back("/", f"Everything is locked; {asked} deploys under way were asked to pause.")


@post("/continue")
@in_thread
def go_on(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Reason, Form]
) -> Response[Any]:
    """Release that lock, and let what is held go on."""
    asked = orders.continue_everything(service, caller, data.reason)
    return site.back("/", f"Everything goes on; {asked} deploys were told so.")


def _context(service: Service, caller: Caller, text: str) -> dict[str, Any]:
    apps = service.apps
    now = time.time()
    # Ahead of what is shown: what changes meanwhile is told again rather than not at all.
    since = heartbeat.state(service.store, time.time())
    found = board(service.store, service.places(), now, caller, text=text, known=service.known)
    places = [(cell.app, cell.environment) for row in found.rows for cell in row.cells]
    admin = caller.may(Role.ADMIN, Scope())
    return {
        "here": "Board",
        "caller": caller,
        "board": found,
        "since": since,
        "told": {
            (cell.app, cell.environment): service.histories.told(apps.config(cell.app), cell.live.sha)
            for row in found.rows
            for cell in row.cells
            if cell.live is not None
        },
        "frozen": frozen(apps, places, now),
        "autos": by_place(standings(service.store, [apps.config(row.app) for row in found.rows])),
        "wrong": apps.wrong() if admin else [],
        "directory": apps.directory,
        "admin": admin,
        "q": text,
    }


ROUTES = (show, rows, changes, pause, go_on)
