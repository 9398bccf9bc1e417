"""Where Slack sends what people say to its app: open to strangers, who prove by a signature who they are."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE

from shiphorn.chat import slack
from shiphorn.web.given import OPEN, TheService

PATH = "/slack"
MOST_BYTES = 256 * 1024


@post(f"{PATH}/{{name:str}}/events", opt=OPEN, status_code=200)
async def events(request: Request[Any, Any, Any], service: TheService, name: FromPath[str]) -> Response[Any]:
    """Take an event, and answer it afterwards: Slack waits for three seconds."""
    body = await _body(request)
    taken = await slack.take_event(service, name, _headers(request), body)
    after = BackgroundTask(slack.say, service, name, taken.message) if taken.message else None
    return Response(taken.body, media_type="application/json", background=after)


@post(f"{PATH}/{{name:str}}/commands", opt=OPEN, status_code=200)
async def commands(
    request: Request[Any, Any, Any], service: TheService, name: FromPath[str]
) -> Response[Any]:
    """Take a slash command, and answer it; afterwards if that takes longer than Slack waits."""
    body = await _body(request)
    taken = await slack.take_command(service, name, _headers(request), body)
    after = None
    if taken.message is not None and taken.work is not None:
        after = BackgroundTask(slack.follow, service, name, taken.message, taken.work)
    return Response(taken.body, media_type="application/json", background=after)


async def _body(request: Request[Any, Any, Any]) -> bytes:
    """The body as it was signed, up to a limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(
                "this is larger than what Slack sends", status_code=HTTP_413_REQUEST_ENTITY_TOO_LARGE
            )
    return bytes(body)


def _headers(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


ROUTES = (events, commands)
