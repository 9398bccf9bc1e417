"""Networks of chats, and a test of a channel."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import get, post
from litestar.params import FromPath, JSONBody

from shiphorn.service.telling import chats
from shiphorn.service.telling.chats import Network
from shiphorn.service.telling.notifiers import Tried
from shiphorn.web.api.given import in_thread
from shiphorn.web.given import TheCaller, TheService


@dataclass(frozen=True, slots=True)
class ChannelToTry:
    """A channel of a network, as shiphorn.yml has it: `#deploys`."""

    channel: str


@get("/chats")
@in_thread
def networks(service: TheService, caller: TheCaller) -> list[Network]:
    """The networks of IRC in shiphorn.yml, and how each of them stands."""
    return chats.listed(service, caller)


@post("/chats/{name:str}/test", status_code=200)
async def test(
    service: TheService, caller: TheCaller, name: FromPath[str], data: JSONBody[ChannelToTry]
) -> Tried:
    """Say something in a channel, and wait for what comes of it."""
    return await chats.trying(service, caller, name, data.channel)


ROUTES = (networks, test)
