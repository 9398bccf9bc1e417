"""For whoever looks after the process: whether it runs, and whether it can work."""

from __future__ import annotations

import asyncio
import time

from litestar import Response, get

from shiphorn.errors import ShiphornError
from shiphorn.web.given import OPEN, TheService

PATIENCE_SECONDS = 5.0


@get("/healthz", opt=OPEN)
async def healthz() -> dict[str, str]:
    """It answers."""
    return {"status": "alive"}


@get("/readyz", opt=OPEN)
async def readyz(service: TheService) -> Response[dict[str, str]]:
    """The database answers, and the worker is at work; 503 if not."""
    found = {"worker": "at work" if service.works() else "not at work", "database": "answers"}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.to_thread(service.store.pulse.taken, time.time())
    except (TimeoutError, ShiphornError):
        found["database"] = "does not answer"
    is_ready = found == {"worker": "at work", "database": "answers"}
    return Response(found, status_code=200 if is_ready else 503)


ROUTES = (healthz, readyz)
