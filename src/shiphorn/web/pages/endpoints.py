"""Endpoints: the branches that have an environment and a URL of their own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from shiphorn.errors import Refused
from shiphorn.model.endpoints import Endpoint
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.model.times import seconds_of
from shiphorn.service.endpoints import orders
from shiphorn.service.service import Service
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread


@dataclass
class NewEndpoint:
    """What the form sends. `place` is an app and an environment, with a space in between."""

    place: str = ""
    branch: str = ""
    ttl: str = ""


@dataclass
class Ending:
    """How an endpoint is removed: `forget` does not wait for its hosts."""

    reason: str = ""
    forget: str = ""


@get("/endpoints")
@in_thread
def show(service: TheService, caller: TheCaller) -> Response[Any]:
    """All that the caller sees, and a form for another one."""
    found = orders.listed(service, caller)
    offered = _offered(service, caller)
    context = {
        "here": "Endpoints",
        "caller": caller,
        "found": [(one, _is_theirs(caller, one.endpoint)) for one in found],
        "gone": orders.gone(service, caller, limit=10),
        "places": [place for place in offered if caller.may(Role.DEPLOYER, Scope(*place))],
        "offered": offered,
        "now": time.time(),
    }
    return Template("endpoints.html", context=context)


@post("/endpoints")
async def create(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[NewEndpoint, Form]
) -> Response[Any]:
    """Give a branch one."""
    app, _, environment = data.place.partition(" ")
    branch = data.branch.strip()
    made = await orders.create(
        service, caller, app, branch, environment=environment, ttl_seconds=_span(data.ttl)
    )
    what = f"{branch} gets {made.endpoint.url}" if made.is_new else f"{branch} is deployed again"
    return site.back("/endpoints", f"{what}: deploy {made.deploy.id}.")


@post("/endpoints/{endpoint_id:int}/extend")
@in_thread
def extend(
    service: TheService, caller: TheCaller, site: TheSite, endpoint_id: FromPath[int]
) -> Response[Any]:
    """Let one stay for as long as a new one would."""
    found = orders.extend(service, caller, endpoint_id)
    return site.back("/endpoints", f"{found.full_name} of {found.app} stays longer.")


@post("/endpoints/{endpoint_id:int}/remove")
@in_thread
def remove(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    endpoint_id: FromPath[int],
    data: Annotated[Ending, Form],
) -> Response[Any]:
    """Have one taken off its hosts."""
    found = orders.remove(service, caller, endpoint_id, data.reason, forget=bool(data.forget))
    what = "is forgotten" if data.forget else "is being removed"
    return site.back("/endpoints", f"{found.full_name} of {found.app} {what}.")


def _offered(service: Service, caller: Caller) -> list[tuple[str, str]]:
    """The apps and environments whose branches can have endpoints, as far as the caller sees them."""
    return [
        (app, name)
        for app, names in service.places()
        for name in names
        if service.apps.config(app).endpoints(name) is not None and caller.sees(Scope(app, name))
    ]


def _is_theirs(caller: Caller, endpoint: Endpoint) -> bool:
    """Whether they may change it; the service decides."""
    scope = Scope(endpoint.app, endpoint.full_name)
    return endpoint.owner == caller.name or caller.may(Role.DEPLOYER, scope)


def _span(text: str) -> float | None:
    found = seconds_of(text) if text.strip() else None
    if text.strip() and found is None:
        raise Refused("SH934", f'"{text}" is no span of time.', hint="Write 12h, 3d or 2w.")
    return found


ROUTES = (show, create, extend, remove)
