"""What people do about auto deploys on the page of an app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, post
from litestar.params import FromPath

from shiphorn.service.auto import standing
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread


@dataclass
class AutoForm:
    """Where, and why; others will read it."""

    environment: str = ""
    reason: str = ""


@post("/apps/{app_name:str}/auto/stop")
@in_thread
def stop(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    app_name: FromPath[str],
    data: Annotated[AutoForm, Form],
) -> Response[Any]:
    """Let nothing go out by itself."""
    standing.stop(service, caller, app_name, data.environment, data.reason)
    return site.back(f"/apps/{app_name}", f"Nothing goes out to {data.environment} by itself any more.")


@post("/apps/{app_name:str}/auto/resume")
@in_thread
def resume(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    app_name: FromPath[str],
    data: Annotated[AutoForm, Form],
) -> Response[Any]:
    """Let things go out by themselves again."""
    standing.resume(service, caller, app_name, data.environment, data.reason)
    return site.back(f"/apps/{app_name}", f"{data.environment} deploys by itself again.")


ROUTES = (stop, resume)
