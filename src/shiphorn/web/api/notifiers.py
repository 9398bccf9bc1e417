"""Notifiers: who is told of deploys, and a test of that."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath

from shiphorn.service.telling import notifiers as audiences
from shiphorn.service.telling.notifiers import Listed, Tried
from shiphorn.web.api.given import in_thread
from shiphorn.web.given import TheCaller, TheService


@get("/notifiers")
@in_thread
def notifiers(service: TheService, caller: TheCaller) -> list[Listed]:
    """All notifiers of shiphorn.yml, and what came of what they were told last."""
    return audiences.listed(service, caller)


@post("/notifiers/{name:str}/test", status_code=200)
async def test(service: TheService, caller: TheCaller, name: FromPath[str]) -> Tried:
    """Send a test, and wait for what comes of it."""
    return await audiences.trying(service, caller, name)


ROUTES = (notifiers, test)
