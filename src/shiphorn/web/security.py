"""Who asks, and what a browser may do with the answer."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import MutableScopeHeaders
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shiphorn.service.people.sign_in import caller_of_session, caller_of_token
from shiphorn.service.service import Service

SESSION_COOKIE = "horn_session"
ASKED: ContextVar[Request[Any, Any, Any]] = ContextVar("asked")
"""The request that is being answered."""
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; media-src 'self' blob:; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'; manifest-src 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Headers:
    """Adds headers that keep a browser from doing more than pages need."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, with the headers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-store"
                if headers.get("content-type", "").startswith("text/event-stream"):
                    # nginx would hold words back until it has a buffer full of them.
                    headers["x-accel-buffering"] = "no"
            await send(message)

        await self._app(scope, receive, with_headers)


class Guarded(AbstractAuthenticationMiddleware):
    """Finds out who asks: by the cookie of a session for pages, by a bearer token for the API.

    Nobody is turned away here; `request.user` is None for who is not known.
    """

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        """The caller, and by what they are known."""
        ASKED.set(Request(connection.scope))
        service: Service = connection.app.state.service
        base = connection.app.state.site.base
        address = connection.client.host if connection.client else ""
        if connection.url.path.startswith(f"{base}/api/"):
            scheme, _, token = connection.headers.get("authorization", "").partition(" ")
            known = None
            if scheme.lower() == "bearer":
                found = (service.store, token.strip(), address, time.time())
                known = await asyncio.to_thread(caller_of_token, *found)
            return AuthenticationResult(user=known, auth="token")
        secret = connection.cookies.get(SESSION_COOKIE, "")
        if not secret:
            return AuthenticationResult(user=None, auth="session")
        known = await asyncio.to_thread(caller_of_session, service.store, secret, address, time.time())
        return AuthenticationResult(user=known, auth="session")
