"""Turns, locks, and everything paused at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from litestar import get, post
from litestar.params import FromQuery, JSONBody

from shiphorn.model.locks import Lock
from shiphorn.service import locks as lock_service
from shiphorn.service import orders
from shiphorn.service.access import seen
from shiphorn.service.gates import UnderWay
from shiphorn.service.locks import Placed
from shiphorn.web.api.given import Moment, Number, ReasonBody, ScopeBody, in_thread
from shiphorn.web.given import TheCaller, TheService


@dataclass
class MoveBody:
    """The queued deploy to be ahead of; null is behind all."""

    ahead_of: int | None = None


@dataclass
class LockBody(ScopeBody):
    """What is to be locked, until when (Unix seconds; null for ever), and whether another's is taken over."""

    until: Moment | None = None
    steal: bool = False


@dataclass(frozen=True)
class PausedAll:
    """The lock on everything, and how many deploys were asked to pause."""

    lock: Lock
    deploys: int


@dataclass(frozen=True)
class ContinuedAll:
    """How many deploys were told to go on."""

    deploys: int


@get("/queue")
@in_thread
def queue(
    service: TheService, caller: TheCaller, app: FromQuery[str] = "", environment: FromQuery[str] = ""
) -> Sequence[UnderWay]:
    """The deploys that are not over: running, paused, and waiting in their order."""
    return orders.queue(service, caller, app, environment)


@post("/queue/{deploy_id:int}/move", status_code=200)
@in_thread
def move(
    service: TheService, caller: TheCaller, deploy_id: Number, data: JSONBody[MoveBody]
) -> Sequence[UnderWay]:
    """Move a queued deploy ahead of another one, or behind all."""
    orders.move(service, caller, deploy_id, data.ahead_of)
    order = service.deploy(caller, deploy_id).order
    return orders.queue(service, caller, order.app, order.environment)


@get("/locks")
@in_thread
def locks(service: TheService, caller: TheCaller, history: FromQuery[bool] = False) -> list[Lock]:
    """The locks in force, the oldest first; or the last ones of all, the newest first."""
    found = lock_service.listed(service.store, time.time(), history=history)
    return seen(caller, found, lambda one: one.scope)


@post("/locks")
@in_thread
def lock(service: TheService, caller: TheCaller, data: JSONBody[LockBody]) -> Placed:
    """Lock an environment, an app or everything: nobody else deploys there."""
    return orders.lock(service, caller, data.scope, data.reason, until=data.until, steal=data.steal)


@post("/locks/release", status_code=200)
@in_thread
def release(service: TheService, caller: TheCaller, data: JSONBody[ScopeBody]) -> list[Lock]:
    """Release the locks on an environment, an app or everything; another's with a reason."""
    return orders.unlock(service, caller, data.scope, data.reason)


@post("/pause", status_code=200)
@in_thread
def pause(service: TheService, caller: TheCaller, data: JSONBody[ReasonBody]) -> PausedAll:
    """Lock everything, and ask every deploy under way to pause."""
    return PausedAll(*orders.pause_everything(service, caller, data.reason))


@post("/continue", status_code=200)
@in_thread
def go_on(service: TheService, caller: TheCaller, data: JSONBody[ReasonBody]) -> ContinuedAll:
    """Release that lock, and let every paused deploy go on."""
    return ContinuedAll(orders.continue_everything(service, caller, data.reason))


ROUTES = (queue, move, locks, lock, release, pause, go_on)
