"""Every request: numbered, timed, counted, and a line in the log when it is answered."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shiphorn.adapters.logs import request_id
from shiphorn.model.people import Caller
from shiphorn.web.metrics import Metrics

HEADER = "X-Request-Id"
_GOOD = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")
_SECRET = "{secret"  # noqa: S105 - how a parameter of a path is called that nobody may read
_STREAM = b"text/event-stream"

_log = logging.getLogger(__name__)


class Requests:
    """The application, watched from outside: so that what fits no route shows, too.

    A query is never logged, nor the path of a link that signs somebody in.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        asked = _Asked(_number(scope))
        token = request_id.set(asked.number)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableScopeHeaders.from_message(message)[HEADER] = asked.number
                asked.status = message["status"]
                asked.streams = any(
                    name.lower() == b"content-type" and value.startswith(_STREAM)
                    for name, value in message["headers"]
                )
                self._metrics.streaming(asked.streams)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._answered(scope, asked)
            request_id.reset(token)

    def _answered(self, scope: Any, asked: _Asked) -> None:
        seconds = time.perf_counter() - asked.began
        route = str(scope.get("path_template") or "")
        if asked.streams:
            self._metrics.streaming(-1)
        else:
            self._metrics.answered(scope["method"], route, asked.status, seconds)
        caller = scope.get("user")
        path = scope["path"] if route and _SECRET not in route else route
        facts = {
            "method": scope["method"],
            "path": path,
            "route": route,
            "status": asked.status,
            "ms": round(seconds * 1000, 1),
            "caller": caller.name if isinstance(caller, Caller) else "",
            "address": (scope.get("client") or ("",))[0],
            "request": asked.number,
        }
        _log.info("answered", extra=facts)


class _Asked:
    """A request that is being answered. A status of 0 stays when nobody waited for the answer."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.began = time.perf_counter()
        self.status = 0
        self.streams = False


def _number(scope: Any) -> str:
    """What a proxy called the request, if that is fit for a log; else a name of our own."""
    for name, value in scope["headers"]:
        given = value.decode("latin-1") if name == b"x-request-id" else ""
        if _GOOD.fullmatch(given):
            return str(given)
    return secrets.token_hex(8)
