"""Questions of people in chats, and their answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from shiphorn.chat import speaking
from shiphorn.chat.grammar import Command, Verb
from shiphorn.model.deploy import Order
from shiphorn.model.history import DeployFilter
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service import orders
from shiphorn.service.board import Cell, board
from shiphorn.service.endpoints import orders as endpoints
from shiphorn.service.history import search
from shiphorn.service.service import Service

SHOWN = 5
"""So many deploys of the past are told."""


async def status(service: Service, caller: Caller, command: Command) -> str:
    """What environments run."""
    cells = await _cells(service, caller, command)
    return speaking.status(cells, time.time())


async def deploys(service: Service, caller: Caller, command: Command) -> str:
    """The last deploys of an app."""
    wanted = DeployFilter(app=command.app, environment=command.environment)
    page = await asyncio.to_thread(search.page, service.store, caller, wanted, limit=SHOWN)
    rows = [row for row in page.deploys if caller.sees(Scope(*row.place))]
    return speaking.deploys(rows, time.time())


async def where(service: Service, reader: Caller, caller: Caller, command: Command) -> str:
    """Where `caller` may deploy an app, of what a `reader` may see."""
    cells = await _cells(service, reader, command)
    may = [caller.may(Role.DEPLOYER, Scope(cell.app, cell.environment)) for cell in cells]
    return speaking.where(command.app, cells, caller, may, time.time())


async def why(service: Service, caller: Caller, command: Command) -> str:
    """What stands in the way of a deploy."""
    found = await orders.why(service, caller, Order(command.app, command.environment, ref=command.ref))
    return speaking.why(found, time.time())


async def queue(service: Service, caller: Caller, command: Command) -> str:
    """What is under way, and what waits."""
    found = await asyncio.to_thread(orders.queue, service, caller, command.app, command.environment)
    return speaking.queue(found, time.time())


async def listed(service: Service, caller: Caller, command: Command) -> str:
    """The endpoints of branches."""
    found = await asyncio.to_thread(endpoints.listed, service, caller, command.app)
    now = time.time()
    return speaking.endpoints([one.endpoint for one in found], now)


ANSWERS: Mapping[Verb, Callable[[Service, Caller, Command], Awaitable[str]]] = {
    Verb.STATUS: status,
    Verb.DEPLOYS: deploys,
    Verb.WHY: why,
    Verb.QUEUE: queue,
    Verb.ENDPOINTS: listed,
}


async def _cells(service: Service, caller: Caller, command: Command) -> list[Cell]:
    found = await asyncio.to_thread(board, service.store, service.places(), time.time(), caller)
    return [
        cell
        for row in found.rows
        for cell in row.cells
        if command.app in ("", cell.app) and command.environment in ("", cell.environment)
    ]
