"""One's own account: name, password, browsers that are signed in, and the horn."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.response import Template

from shiphorn.errors import ShiphornError
from shiphorn.model.people import Caller
from shiphorn.service.people import chat_accounts, people
from shiphorn.service.service import Service
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread
from shiphorn.web.security import SESSION_COOKIE


@dataclass
class OwnName:
    """How one wants to be called."""

    name: str = ""


@dataclass
class NewPassword:
    """A new password, and the one that was good so far."""

    password: str = ""
    current: str = ""


@dataclass
class Mute:
    """Whether the horn stays silent: `yes` or not; and the page to go on with."""

    muted: str = ""
    next: str = ""


@get("/account")
@in_thread
def show(request: Request[Any, Any, Any], service: TheService, caller: TheCaller) -> Response[Any]:
    """All of it."""
    return _page(request, service, caller)


@post("/account")
@in_thread
def describe(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[OwnName, Form]
) -> Response[Any]:
    """Change one's name."""
    people.describe(service.store, caller, caller.name, time.time(), name=data.name)
    return site.back("/account", "Your name is changed.")


@post("/account/password")
@in_thread
def password(
    request: Request[Any, Any, Any],
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    data: Annotated[NewPassword, Form],
) -> Response[Any]:
    """Set one's password; every other browser is signed out."""
    try:
        people.set_password(
            service.store,
            caller,
            caller.name,
            data.password,
            time.time(),
            current=data.current,
            session=request.cookies.get(SESSION_COOKIE, ""),
        )
    except ShiphornError as error:
        return _page(request, service, caller, error)
    return site.back("/account", "Your password is changed. Other browsers are signed out.")


@post("/account/sign-out")
@in_thread
def sign_out(
    request: Request[Any, Any, Any], service: TheService, caller: TheCaller, site: TheSite
) -> Response[Any]:
    """Sign out of every other browser."""
    secret = request.cookies.get(SESSION_COOKIE, "")
    people.end_sessions(service.store, caller, caller.name, time.time(), session=secret)
    return site.back("/account", "Every other browser is signed out.")


@post("/account/mute")
@in_thread
def mute(service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Mute, Form]) -> Response[Any]:
    """Silence the horn for oneself, or let it sound."""
    silent = data.muted == "yes"
    people.mute(service.store, caller, silent, time.time())
    back = site.inner(data.next).removeprefix(site.base) if data.next else "/account"
    return site.back(back, "The horn stays silent for you." if silent else "You will hear the horn.")


def _page(
    request: Request[Any, Any, Any], service: Service, caller: Caller, problem: ShiphornError | None = None
) -> Response[Any]:
    now = time.time()
    person = people.person(service.store, caller.name)
    secret = request.cookies.get(SESSION_COOKIE, "")
    context = {
        "caller": caller,
        "person": person,
        "problem": problem,
        "sessions": service.store.sessions.listed(person.id, now, secret=secret),
        "tokens": len([one for one in service.store.tokens.listed(person.id) if one.revoked_at is None]),
        "identities": [
            one
            for one in service.store.people.identities(person.id)
            if not one[0].startswith(chat_accounts.ISSUERS)
        ],
        "chats": chat_accounts.linked(service.store, person),
    }
    return Template("account.html", context=context, status_code=422 if problem else 200)


ROUTES = (show, describe, password, sign_out, mute)
