"""What goes wrong, told: a page for people, problem+json (RFC 9457) for programs, a note for htmx."""

from __future__ import annotations

import logging
import secrets
from typing import Any
from urllib.parse import urlencode

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect, Template
from litestar.types import ExceptionHandlersMap

from shiphorn.errors import (
    ConfigError,
    ConnectError,
    DatabaseError,
    Forbidden,
    HostError,
    NotFound,
    Refused,
    ShiphornError,
    SourceError,
    Unknown,
)

_STATUS: tuple[tuple[type[ShiphornError], int], ...] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Unknown, 401),
    (Refused, 409),
    (ConfigError, 422),
    (SourceError, 422),
    (ConnectError, 502),
    (HostError, 502),
    (DatabaseError, 503),
)
_NOT_THERE = frozenset({"SH522", "SH528", "SH533", "SH110", "SH203"})
"""Codes of errors that say that something is not there, whatever their class."""
_CODES = {404: "SH585", 405: "SH586", 403: "SH587", 400: "SH588", 415: "SH583"}
_FOR_PROGRAMS = frozenset({"/healthz", "/readyz", "/metrics"})
_TOO_OFTEN = "retry_after_seconds"

_log = logging.getLogger(__name__)


def _expected(request: Request[Any, Any, Any], error: ShiphornError) -> Response[Any]:
    status = (
        404
        if error.code in _NOT_THERE
        else next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
    )
    if _TOO_OFTEN in error.facts:
        status = 429
    if status == 401 and not for_programs(request) and request.method == "GET":
        return _to_sign_in(request)
    headers = {"retry-after": str(int(error.facts[_TOO_OFTEN]))} if status == 429 else {}
    headers |= {"www-authenticate": "Bearer"} if status == 401 and for_programs(request) else {}
    return _told(request, status, error.code, error.message, error.hint, error.facts, headers)


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    facts: dict[str, Any] = {}
    detail = error.detail
    if isinstance(error, ValidationException):
        facts["problems"] = error.extra
        detail = "the request is not as it must be"
    code = _CODES.get(error.status_code, "SH589")
    return _told(request, error.status_code, code, f"{detail}.", "", facts, dict(error.headers or {}))


def _defect(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    number = secrets.token_hex(4)
    _log.error("defect %s at %s %s", number, request.method, request.url.path, exc_info=error)
    message = f"a defect of shiphorn: {type(error).__name__}."
    return _told(request, 500, "SH699", message, f"Its traceback is in the log, as {number}.", {}, {})


HANDLERS: ExceptionHandlersMap = {ShiphornError: _expected, HTTPException: _http, Exception: _defect}


def for_programs(request: Request[Any, Any, Any]) -> bool:
    """Whether a program asks, and not a person's browser."""
    inner = request.url.path.removeprefix(request.app.state.site.base)
    return inner.startswith(("/api/", "/hooks/")) or inner in _FOR_PROGRAMS


def _told(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    message: str,
    hint: str,
    facts: dict[str, Any],
    headers: dict[str, str],
) -> Response[Any]:
    if for_programs(request):
        body = {
            "type": f"urn:shiphorn:{code}",
            "title": message,
            "status": status,
            "code": code,
            "hint": hint,
            "facts": facts,
        }
        return Response(body, status_code=status, media_type="application/problem+json", headers=headers)
    context = {"status": status, "code": code, "message": message, "hint": hint, "facts": facts}
    context |= {"caller": request.scope.get("user"), "request": request}
    template = "problem.html"
    if request.headers.get("hx-request"):
        template = "parts/problem.html"
        headers = headers | {"hx-retarget": "#notes", "hx-reswap": "innerHTML"}
    return Template(template, context=context, status_code=status, headers=headers, media_type=MediaType.HTML)


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    base = request.app.state.site.base
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    where = f"{base}/sign-in?{urlencode({'next': back})}"
    if request.headers.get("hx-request"):
        return Response(None, status_code=204, headers={"hx-redirect": where})
    return Redirect(where)
