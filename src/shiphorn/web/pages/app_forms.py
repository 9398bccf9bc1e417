"""What forms of an app order at once: locks on it, and marks on its commits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, post
from litestar.params import FromPath

from shiphorn.errors import Refused
from shiphorn.model.locks import Scope
from shiphorn.model.times import moment_of
from shiphorn.service import orders
from shiphorn.web.forms import Reason
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread


@dataclass
class LockForm:
    """A lock on an environment, "" for the whole app. `until` is a span or a moment, "" for ever."""

    environment: str = ""
    reason: str = ""
    until: str = ""
    steal: bool = False


@dataclass
class UnlockForm:
    """Which lock of an app is released, and why. `scope` is environment, app or everything."""

    environment: str = ""
    scope: str = "environment"
    reason: str = ""


@post("/apps/{app_name:str}/lock")
@in_thread
def lock(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    app_name: FromPath[str],
    data: Annotated[LockForm, Form],
) -> Response[Any]:
    """Place a lock."""
    service.config(caller, app_name, data.environment)
    now = time.time()
    until = moment_of(data.until, now) if data.until.strip() else None
    if data.until.strip() and until is None:
        raise Refused(
            "SH593", f"“{data.until}” is no time.", hint="Say it as 2h, 09:00 or 2026-11-26T09:00 (UTC)."
        )
    scope = Scope(app_name, data.environment)
    orders.lock(service, caller, scope, data.reason, until=until, steal=data.steal)
    return site.back(f"/apps/{app_name}", f"{scope} is locked.")


@post("/apps/{app_name:str}/unlock")
@in_thread
def unlock(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    app_name: FromPath[str],
    data: Annotated[UnlockForm, Form],
) -> Response[Any]:
    """Release the locks on a scope."""
    service.config(caller, app_name, data.environment)
    scopes = {
        "environment": Scope(app_name, data.environment),
        "every": Scope("", data.environment),
        "app": Scope(app_name),
        "everything": Scope(),
    }
    scope = scopes.get(data.scope, scopes["environment"])
    orders.unlock(service, caller, scope, data.reason)
    return site.back(f"/apps/{app_name}", f"{scope} is unlocked.")


@post("/apps/{app_name:str}/commits/{sha:str}/mark")
async def mark(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    app_name: FromPath[str],
    sha: FromPath[str],
    data: Annotated[Reason, Form],
) -> Response[Any]:
    """Mark a commit as bad."""
    commit, _ = await orders.mark(service, caller, app_name, sha, data.reason)
    return site.back(f"/apps/{app_name}?commit={commit.sha}", f"{commit.short} is marked bad.")


@post("/apps/{app_name:str}/commits/{sha:str}/clear")
async def clear(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    app_name: FromPath[str],
    sha: FromPath[str],
    data: Annotated[Reason, Form],
) -> Response[Any]:
    """Take the marks off a commit."""
    commit = await orders.clear(service, caller, app_name, sha, data.reason)
    return site.back(f"/apps/{app_name}?commit={commit.sha}", f"{commit.short} is not marked bad any more.")


ROUTES = (lock, unlock, mark, clear)
