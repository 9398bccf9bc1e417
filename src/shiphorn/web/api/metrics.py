"""Metrics: where measured values and marks of deploys go, and a test of that."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath

from shiphorn.service.telling import sinks
from shiphorn.service.telling.sinks import Sink, SinkTried
from shiphorn.web.api.given import in_thread
from shiphorn.web.given import TheCaller, TheService


@get("/metrics")
@in_thread
def listed(service: TheService, caller: TheCaller) -> list[Sink]:
    """All that shiphorn.yml names under `metrics`, and what came of what they were sent last."""
    return sinks.listed(service, caller)


@post("/metrics/{name:str}/test", status_code=200)
async def test(service: TheService, caller: TheCaller, name: FromPath[str]) -> SinkTried:
    """Send a test, and wait for what comes of it. Whether a datagram arrives nobody can tell."""
    return await sinks.trying(service, caller, name)


ROUTES = (listed, test)
