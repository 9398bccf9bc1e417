"""Where forges and builds send what happens: open to strangers, who prove by a signature who they are."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath

from shiphorn.service.builds.receiving import MOST_BYTES, Answered, receive, refuse_size
from shiphorn.web.given import OPEN, TheService

PATH = "/hooks"


@post(f"{PATH}/{{name:str}}", opt=OPEN)
async def take(request: Request[Any, Any, Any], service: TheService, name: FromPath[str]) -> Response[Any]:
    """Take a webhook in."""
    address = request.client.host if request.client else ""
    claimed = request.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed[:12]) > MOST_BYTES:
        # Nobody reads it: the connection is closed with the answer.
        return _answer(await refuse_size(service, name, int(claimed[:12]), address), close=True)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return _answer(await refuse_size(service, name, len(body), address), close=True)
    headers = {key.lower(): value for key, value in request.headers.items()}
    return _answer(await receive(service, name, headers, bytes(body), address))


def _answer(answered: Answered, *, close: bool = False) -> Response[Any]:
    headers = {"connection": "close"} if close else {}
    if answered.retry_after_seconds:
        headers["retry-after"] = str(answered.retry_after_seconds)
    body = {"outcome": answered.outcome, "reason": answered.reason}
    if answered.code:
        body["code"] = answered.code
    return Response(body, status_code=answered.status, headers=headers, media_type="application/json")


ROUTES = (take,)
