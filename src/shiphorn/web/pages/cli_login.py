"""Where a person lets a command line sign in, and where that one waits for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.params import FromQuery, JSONBody
from litestar.response import Template

from shiphorn.service.people.cli_sign_in import (
    CODE_SECONDS,
    agree,
    applicant,
    asked,
    code_for,
    deny,
    sign_out,
)
from shiphorn.web.given import OPEN, Form, TheCaller, TheService, TheSite, TheVault, in_thread

POLL_SECONDS = 1.0


@dataclass
class Application:
    """What a command line sends first: the sha256 of the token that it made up, and its machine's name."""

    digest: str
    machine: str = ""


@dataclass
class Wait:
    """What it sends again and again."""

    code: str


@dataclass
class Decision:
    """What the form of the page sends."""

    code: str
    agree: str = ""


async def _in_pace(connection: ASGIConnection[Any, Any, Any, Any], _: Any) -> None:
    """Let a command line pass whose address does not ask too often. Raises Refused SH516."""
    address = connection.client.host if connection.client else ""
    connection.app.state.strangers.ask(address, time.monotonic())


@post("/api/cli/authorize", opt=OPEN, guards=[_in_pace], status_code=200, include_in_schema=False)
async def begin(vault: TheVault, data: JSONBody[Application]) -> dict[str, Any]:
    """Begin: a code for the page of `show`, and how long it is good. Nothing is kept here."""
    code = code_for(vault, data.digest, data.machine)
    return {
        "code": code,
        "short": applicant(vault, code).short,
        "expires_in_seconds": CODE_SECONDS,
        "every_seconds": POLL_SECONDS,
    }


@post("/api/cli/token", opt=OPEN, guards=[_in_pace], status_code=200, include_in_schema=False)
@in_thread
def wait(service: TheService, vault: TheVault, data: JSONBody[Wait]) -> dict[str, Any]:
    """How it stands: pending, granted or denied. It tells no secret, and nothing to who has no code."""
    return {"state": str(asked(service.store, applicant(vault, data.code)))}


@post("/api/cli/sign-out", opt=OPEN, guards=[_in_pace], status_code=204, include_in_schema=False)
@in_thread
def leave(request: Request[Any, Any, Any], service: TheService) -> None:
    """Have the token that is sent be good no more."""
    _, _, secret = request.headers.get("authorization", "").partition(" ")
    sign_out(service.store, secret.strip(), request.client.host if request.client else "", time.time())


@get("/cli/authorize")
@in_thread
def show(service: TheService, caller: TheCaller, vault: TheVault, code: FromQuery[str] = "") -> Response[Any]:
    """The page on which a person compares what their terminal shows, and decides."""
    who = applicant(vault, code)
    context = {"caller": caller, "who": who, "code": code, "state": str(asked(service.store, who))}
    return Template("cli_authorize.html", context=context)


@post("/cli/authorize")
@in_thread
def decide(
    service: TheService,
    caller: TheCaller,
    vault: TheVault,
    site: TheSite,
    data: Annotated[Decision, Form],
) -> Response[Any]:
    """Let it sign in, or turn it away."""
    who = applicant(vault, data.code)
    (agree if data.agree else deny)(service.store, caller, who, time.time())
    return site.back(f"/cli/authorize?code={data.code}")


ROUTES = (begin, wait, leave, show, decide)
