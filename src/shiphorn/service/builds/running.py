"""The work of a service that has to do with forges."""

from __future__ import annotations

import asyncio

from shiphorn.service.builds.asking import Asker
from shiphorn.service.builds.clients import Clients
from shiphorn.service.builds.receiving import Receiver
from shiphorn.service.builds.telling import Teller
from shiphorn.service.service import Service


async def listen(service: Service) -> None:
    """Act on what forges send, until cancelled."""
    await Receiver(service).work()


async def work_on_forges(service: Service) -> None:
    """Ask forges for builds, and tell them of deploys, until cancelled."""
    clients = Clients(service)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(Asker(service, clients).work())
            group.create_task(Teller(service, clients).work())
    finally:
        await clients.close()
