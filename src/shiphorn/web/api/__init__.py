"""The HTTP API, a file a subject. Everything here asks the service layer, as pages do."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router
from litestar.exceptions import ClientException
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE

from shiphorn.web.api import (
    approvals,
    apps,
    audit,
    auto,
    chats,
    commits,
    deploys,
    description,
    endpoints,
    environments,
    fleet,
    follow,
    forges,
    metrics,
    notifiers,
    people,
    queue,
    webhooks,
)
from shiphorn.web.api.encoding import Plain

PATH = "/api/v1"

SUBJECTS = {
    "Apps": apps.ROUTES,
    "Deploys": (*deploys.ROUTES, *follow.ROUTES),
    "Approvals": approvals.ROUTES,
    "Environments": environments.ROUTES,
    "Endpoints": endpoints.ROUTES,
    "Auto deploys": auto.ROUTES,
    "Queue and locks": queue.ROUTES,
    "Commits": commits.ROUTES,
    "Fleet and history": fleet.ROUTES,
    "People and tokens": people.ROUTES,
    "Audit log": audit.ROUTES,
    "Webhooks": webhooks.ROUTES,
    "Notifiers": notifiers.ROUTES,
    "Forges and builds": forges.ROUTES,
    "Metrics": metrics.ROUTES,
    "Chats": chats.ROUTES,
}


def api() -> Router:
    """All routes of the API."""
    routers = [
        Router("/", route_handlers=routes, tags=[subject], include_in_schema=True)
        for subject, routes in SUBJECTS.items()
    ]
    return Router(
        PATH,
        route_handlers=[*routers, description.docs],
        response_class=Plain,
        before_request=_require_json,
    )


async def _require_json(request: Request[Any, Any, Any]) -> None:
    kind, _ = request.content_type
    if request.method == "POST" and kind not in ("", "application/json"):
        raise ClientException(
            "The body must be application/json", status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE
        )
