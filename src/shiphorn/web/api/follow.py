"""A deploy as it goes, for programs: server-sent events until it has ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import get
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import ServerSentEvent

from shiphorn.model.deploy import HostState
from shiphorn.service.deploys.live import Update
from shiphorn.service.service import Service
from shiphorn.web.api.given import LARGEST, Number
from shiphorn.web.given import TheCaller, TheService
from shiphorn.web.stream import COMMENT, with_comments

After = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="Tell events from after this number on.")]
LastEvent = Annotated[
    int, HeaderParameter(name="Last-Event-ID", ge=0, le=LARGEST, description="The same, as browsers send it.")
]
_STATES = [str(state) for state in HostState]


@get("/deploys/{deploy_id:int}/events", media_type="text/event-stream")
async def events(
    service: TheService, caller: TheCaller, deploy_id: Number, after: After = 0, last_event: LastEvent = 0
) -> ServerSentEvent:
    """What happens to it, as server-sent events until it has ended.

    `happened` is an event on record, and its id the number to go on after. `deploy` is its row, each time it
    changed; `hosts` are the states of hosts by name, first all of them, then those that changed; `ended` is
    the last.
    """
    await asyncio.to_thread(service.deploy, caller, deploy_id)
    return ServerSentEvent(_told(service, deploy_id, max(after, last_event)))


async def _told(service: Service, deploy_id: int, after: int) -> AsyncIterator[dict[str, Any]]:
    names: list[str] = []
    async for update in with_comments(service.live.listen(deploy_id, after)):
        if update is None:
            yield dict(COMMENT)
            continue
        if update.snapshot is not None and len(update.snapshot) != len(names):
            runs = await asyncio.to_thread(service.store.hosts.of_deploy, deploy_id)
            names = [run.host.name for run in runs]
        for one in _words(update, names):
            yield one


def _words(update: Update, names: list[str]) -> list[dict[str, Any]]:
    found = [{"event": "happened", "id": number, "data": _text(body)} for number, body in update.events]
    if update.deploy is not None:
        found.append({"event": "deploy", "data": _text(update.deploy)})
    states = list(enumerate(update.snapshot)) if update.snapshot is not None else list(update.hosts)
    if states:
        told = {names[place]: _STATES[code] for place, code in states if place < len(names)}
        found.append({"event": "hosts", "data": _text(told)})
    if update.ended:
        found.append({"event": "ended", "data": "{}"})
    return found


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


ROUTES = (events,)
