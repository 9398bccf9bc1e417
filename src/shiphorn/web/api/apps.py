"""Who asks, the apps that they see, and the board of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from litestar import get
from litestar.params import FromPath, FromQuery

from shiphorn.config.layers import Explained
from shiphorn.model.people import Grant
from shiphorn.service import board as boards
from shiphorn.service import questions, sight
from shiphorn.service.freezes import listed as frozen_places
from shiphorn.service.questions import App, HostConfig
from shiphorn.web.api.given import in_thread
from shiphorn.web.given import TheCaller, TheService


@dataclass(frozen=True)
class Me:
    """Who asks: what they are known by, their roles, and what their token narrows those to."""

    name: str
    grants: Sequence[Grant]
    limit: Grant | None
    muted: bool


@dataclass(frozen=True)
class FreezeWindow:
    """A freeze window of an environment, in the words of the config, and `where` that says so.

    `until` is when it ends if it is in force, `next` when it begins again; `opens` is when no window of
    the environment is in force any more, null if it is open or no end is in sight. All are Unix seconds.
    """

    app: str
    environment: str
    window: str
    reason: str
    where: str
    until: float | None
    next: float | None
    opens: float | None


@get("/me")
async def me(caller: TheCaller) -> Me:
    """Who you are, and what you may do."""
    return Me(caller.name, caller.grants, caller.limit, caller.muted)


@get("/apps")
@in_thread
def apps(service: TheService, caller: TheCaller) -> list[App]:
    """The apps that you see."""
    return questions.apps(service, caller)


@get("/apps/{app:str}")
@in_thread
def app(service: TheService, caller: TheCaller, app: FromPath[str]) -> App:
    """One of them."""
    return questions.app(service, caller, app)


@get("/apps/{app:str}/check")
async def check(service: TheService, caller: TheCaller, app: FromPath[str]) -> dict[str, list[HostConfig]]:
    """What the hosts of each environment would get by the config."""
    return await questions.check(service, caller, app)


@get("/apps/{app:str}/environments/{environment:str}/explain")
async def explain(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    environment: FromPath[str],
    host: FromQuery[str] = "",
    key: FromQuery[str] = "",
) -> list[Explained]:
    """Each value that holds for a host, or for the environment, and the layer and line that it comes from."""
    return await questions.explain(service, caller, app, environment, host, key)


@get("/board")
@in_thread
def board(service: TheService, caller: TheCaller, q: FromQuery[str] = "") -> boards.Board:
    """What every environment of every app runs, what moves, and what is in the way."""
    places = [(name, service.apps.config(name).environments) for name in service.apps.names()]
    return boards.board(service.store, places, time.time(), caller, text=q, known=service.known)


@get("/freezes")
@in_thread
def freezes(service: TheService, caller: TheCaller) -> list[FreezeWindow]:
    """The freeze windows of the environments that you see, and which of them are in force now."""
    found = frozen_places(service.apps, sight.seen(service.places(), caller), time.time())
    return [
        FreezeWindow(
            place.app,
            place.environment,
            str(one.freeze),
            one.freeze.reason,
            one.where,
            one.until,
            one.next,
            place.opens,
        )
        for place in found
        for one in place.windows
    ]


ROUTES = (me, apps, app, check, explain, board, freezes)
