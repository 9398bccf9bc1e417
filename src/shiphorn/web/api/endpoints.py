"""Endpoints: branches with an environment and a URL of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from shiphorn.model.endpoints import Endpoint
from shiphorn.service.endpoints import orders
from shiphorn.service.endpoints.listed import Standing
from shiphorn.service.endpoints.making import Made
from shiphorn.web.api.given import Number, in_thread
from shiphorn.web.given import TheCaller, TheService

Lifetime = Annotated[float, Meta(ge=60, le=315_360_000)] | None
"""Seconds that an endpoint stays from now on; what the config says if left out."""


@dataclass
class EndpointBody:
    """A branch that is to have an endpoint.

    `environment` is the one on whose hosts it goes; it may be left out where only one has endpoints.
    """

    app: str
    branch: Annotated[str, Meta(min_length=1, max_length=255)]
    environment: str = ""
    ttl_seconds: Lifetime = None


@dataclass
class ExtendBody:
    """How long it stays."""

    ttl_seconds: Lifetime = None


@dataclass
class RemoveBody:
    """Why it goes. One to `forget` counts as gone at once, whatever its hosts still hold."""

    reason: str = ""
    forget: bool = False


@get("/endpoints")
@in_thread
def endpoints(service: TheService, caller: TheCaller, app: FromQuery[str] = "") -> Sequence[Standing]:
    """The endpoints that you see, of an app or of all: each with its last deploys."""
    return orders.listed(service, caller, app)


@post("/endpoints", status_code=201)
async def create(service: TheService, caller: TheCaller, data: JSONBody[EndpointBody]) -> Made:
    """Give a branch an endpoint, and order its deploy; one that it has stays longer, and is deployed anew."""
    return await orders.create(
        service,
        caller,
        data.app,
        data.branch,
        environment=data.environment,
        ttl_seconds=data.ttl_seconds,
    )


@get("/endpoints/{endpoint_id:int}")
@in_thread
def endpoint(service: TheService, caller: TheCaller, endpoint_id: FromPath[Number]) -> Endpoint:
    """One of them, also when it is gone."""
    return orders.any_of(service, caller, endpoint_id)


@post("/endpoints/{endpoint_id:int}/extend", status_code=200)
@in_thread
def extend(
    service: TheService, caller: TheCaller, endpoint_id: FromPath[Number], data: JSONBody[ExtendBody]
) -> Endpoint:
    """Let it stay for so long from now on: its owner may, and whoever may deploy there."""
    return orders.extend(service, caller, endpoint_id, data.ttl_seconds)


@post("/endpoints/{endpoint_id:int}/remove", status_code=200)
@in_thread
def remove(
    service: TheService, caller: TheCaller, endpoint_id: FromPath[Number], data: JSONBody[RemoveBody]
) -> Endpoint:
    """Have it taken off its hosts; it is gone once its state says so."""
    return orders.remove(service, caller, endpoint_id, data.reason, forget=data.forget)


ROUTES = (endpoints, create, endpoint, extend, remove)
