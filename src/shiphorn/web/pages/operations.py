"""For those who run the service: its metrics."""

from __future__ import annotations

import ipaddress
import time
from typing import Any

from litestar import Request, Response, get

from shiphorn.errors import Unknown
from shiphorn.service.people.sign_in import caller_of_token
from shiphorn.service.service import Service
from shiphorn.web.given import OPEN, TheMetrics, TheService, in_thread
from shiphorn.web.metrics import seen_by, sees_all

_BY_A_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@get("/metrics", opt=OPEN)
@in_thread
def show(request: Request[Any, Any, Any], service: TheService, metrics: TheMetrics) -> Response[bytes]:
    """What Prometheus reads: for programs on this machine, and for whoever has a token.

    Raises Unknown SH584.
    """
    given = request.headers.get("authorization", "")
    sees = sees_all if not given and _from_here(request) else seen_by(_by_token(request, service, given))
    body, content_type = metrics.text(request.headers.get("accept", ""), sees)
    return Response(body, headers={"content-type": content_type})


def _from_here(request: Request[Any, Any, Any]) -> bool:
    """Whether a program on this machine asks, and not a proxy on it for somebody else."""
    if any(name in request.headers for name in _BY_A_PROXY):
        return False
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


def _by_token(request: Request[Any, Any, Any], service: Service, given: str) -> Any:
    scheme, _, token = given.partition(" ")
    address = request.client.host if request.client else ""
    known = scheme.lower() == "bearer" and caller_of_token(service.store, token.strip(), address, time.time())
    if not known:
        raise Unknown(
            "SH584", "nobody is known who asks for the metrics.", hint="Send a token: Authorization: Bearer."
        )
    return known


ROUTES = (show,)
