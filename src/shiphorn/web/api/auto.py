"""Auto deploys: what goes out by itself, and people who stop and resume that."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from shiphorn.service.auto import standing
from shiphorn.service.auto.standing import AutoStanding
from shiphorn.service.service import Service
from shiphorn.web.api.environments import PLACE
from shiphorn.web.api.given import ReasonBody, in_thread
from shiphorn.web.given import TheCaller, TheService


@get("/auto")
@in_thread
def auto(service: TheService, caller: TheCaller, app: FromQuery[str] = "") -> list[AutoStanding]:
    """The environments that deploy by themselves: what goes out there, and what they wait for."""
    return standing.listed(service, caller, app)


@post(f"{PLACE}/auto/stop", status_code=200)
@in_thread
def stop(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    environment: FromPath[str],
    data: JSONBody[ReasonBody],
) -> AutoStanding:
    """Let nothing go out by itself until somebody resumes it. It takes a reason."""
    standing.stop(service, caller, app, environment, data.reason)
    return _of(service, app, environment)


@post(f"{PLACE}/auto/resume", status_code=200)
@in_thread
def resume(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    environment: FromPath[str],
    data: JSONBody[ReasonBody],
) -> AutoStanding:
    """Let things go out by themselves again; what failed is tried again."""
    standing.resume(service, caller, app, environment, data.reason)
    return _of(service, app, environment)


def _of(service: Service, app: str, environment: str) -> AutoStanding:
    found = standing.standings(service.store, [service.apps.config(app)])
    return standing.by_place(found)[app, environment]


ROUTES = (auto, stop, resume)
