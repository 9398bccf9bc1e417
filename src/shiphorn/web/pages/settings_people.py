"""The tabs of the settings that are about people and their tokens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from shiphorn.errors import Refused
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.people import chat_accounts, people
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread
from shiphorn.web.pages.settings import tab
from shiphorn.web.queries import names

DAY_SECONDS = 86_400
LONGEST_TOKEN_DAYS = 3650


@dataclass
class Invitation:
    """Somebody to invite, with the first role."""

    login: str = ""
    name: str = ""
    email: str = ""
    role: str = ""
    app: str = ""
    environment: str = ""


@dataclass
class GivenRole:
    """A role to give or to take away."""

    role: str = ""
    app: str = ""
    environment: str = ""
    reason: str = ""


@dataclass
class Described:
    """A person's name and address."""

    name: str = ""
    email: str = ""


@dataclass
class NewToken:
    """A token to make; `days` "" is for ever."""

    name: str = ""
    role: str = ""
    app: str = ""
    environment: str = ""
    days: str = ""


@get("/settings/people")
@in_thread
def show(service: TheService, caller: TheCaller) -> Response[Any]:
    """Everybody, and a form to invite somebody."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at people")
    everybody = service.store.people.all()
    context = tab(caller, "People", people=everybody, roles=list(Role), problem=None)
    return Template("settings/people.html", context=context | names(service, caller))


@post("/settings/people")
@in_thread
def invite(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Invitation, Form]
) -> Response[Any]:
    """Invite somebody: the link is shown once."""
    held = [Grant(_role(data.role), Scope(data.app, data.environment))] if data.role else []
    person, secret = people.invite(
        service.store, caller, data.login, time.time(), name=data.name, email=data.email, held=held
    )
    return _link_page(caller, person.login, f"{site.url}/link/{secret}", invited=True)


@get("/settings/people/{login:str}")
@in_thread
def one(service: TheService, caller: TheCaller, login: FromPath[str]) -> Response[Any]:
    """A person: roles, sessions, tokens, identities."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at people")
    person, now = people.person(service.store, login), time.time()
    context = tab(
        caller,
        "People",
        person=person,
        roles=list(Role),
        sessions=service.store.sessions.listed(person.id, now),
        tokens=service.store.tokens.listed(person.id),
        identities=[
            one
            for one in service.store.people.identities(person.id)
            if not one[0].startswith(chat_accounts.ISSUERS)
        ],
        chats=chat_accounts.linked(service.store, person),
        now=now,
    )
    return Template("settings/person.html", context=context | names(service, caller))


@post("/settings/people/{login:str}")
@in_thread
def describe(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    login: FromPath[str],
    data: Annotated[Described, Form],
) -> Response[Any]:
    """Change somebody's name and address."""
    people.describe(service.store, caller, login, time.time(), name=data.name, email=data.email)
    return site.back(f"/settings/people/{login}", "It is changed.")


@post("/settings/people/{login:str}/roles")
@in_thread
def give(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    login: FromPath[str],
    data: Annotated[GivenRole, Form],
) -> Response[Any]:
    """Give a role."""
    grant = Grant(_role(data.role), Scope(data.app, data.environment))
    people.set_grant(service.store, caller, login, grant, time.time(), reason=data.reason)
    return site.back(f"/settings/people/{login}", f"{login} is {grant.role} of {grant.scope} now.")


@post("/settings/people/{login:str}/roles/drop")
@in_thread
def take(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    login: FromPath[str],
    data: Annotated[GivenRole, Form],
) -> Response[Any]:
    """Take a role away."""
    scope = Scope(data.app, data.environment)
    people.drop_grant(service.store, caller, login, scope, time.time(), reason=data.reason)
    return site.back(f"/settings/people/{login}", f"{login} has no role of {scope} any more.")


@post("/settings/people/{login:str}/link")
@in_thread
def link(service: TheService, caller: TheCaller, site: TheSite, login: FromPath[str]) -> Response[Any]:
    """Make a link that signs somebody in once."""
    secret = people.make_link(service.store, caller, login, time.time())
    return _link_page(caller, login, f"{site.url}/link/{secret}", invited=False)


@post("/settings/people/{login:str}/disable")
@in_thread
def disable(service: TheService, caller: TheCaller, site: TheSite, login: FromPath[str]) -> Response[Any]:
    """Shut somebody out."""
    people.disable(service.store, caller, login, time.time())
    return site.back(f"/settings/people/{login}", f"{login} cannot sign in any more.")


@post("/settings/people/{login:str}/enable")
@in_thread
def enable(service: TheService, caller: TheCaller, site: TheSite, login: FromPath[str]) -> Response[Any]:
    """Let somebody in again."""
    people.enable(service.store, caller, login, time.time())
    return site.back(f"/settings/people/{login}", f"{login} may sign in again.")


@post("/settings/people/{login:str}/sign-out")
@in_thread
def sign_out(service: TheService, caller: TheCaller, site: TheSite, login: FromPath[str]) -> Response[Any]:
    """Sign somebody out of every browser."""
    people.end_sessions(service.store, caller, login, time.time())
    return site.back(f"/settings/people/{login}", f"{login} is signed out everywhere.")


@get("/settings/tokens")
@in_thread
def tokens(service: TheService, caller: TheCaller) -> Response[Any]:
    """One's own tokens; for admins everybody's."""
    admin = caller.may(Role.ADMIN, EVERYWHERE)
    listed = people.tokens(service.store, caller, everybodys=admin)
    context = tab(
        caller,
        "Tokens",
        tokens=[one for one in listed if one.person_id == caller.person_id],
        others=[one for one in listed if one.person_id != caller.person_id],
        logins={one.id: one.login for one in service.store.people.all()} if admin else {},
        roles=list(Role),
        now=time.time(),
    )
    return Template("settings/tokens.html", context=context | names(service, caller))


@post("/settings/tokens")
@in_thread
def make_token(service: TheService, caller: TheCaller, data: Annotated[NewToken, Form]) -> Response[Any]:
    """Make a token: its secret is shown once."""
    now = time.time()
    expires_at = now + _days(data.days) * DAY_SECONDS if data.days.strip() else None
    grant = Grant(_role(data.role), Scope(data.app, data.environment))
    secret, token = people.make_token(service.store, caller, data.name, grant, now, expires_at=expires_at)
    return Template("settings/token_made.html", context=tab(caller, "Tokens", secret=secret, token=token))


@post("/settings/tokens/{token_id:int}/revoke")
@in_thread
def revoke(service: TheService, caller: TheCaller, site: TheSite, token_id: FromPath[int]) -> Response[Any]:
    """Revoke a token."""
    people.revoke_token(service.store, caller, token_id, time.time())
    return site.back("/settings/tokens", "The token works no more.")


def _link_page(caller: Caller, login: str, address: str, *, invited: bool) -> Response[Any]:
    context = tab(caller, "People", login=login, address=address, invited=invited)
    return Template("settings/link_made.html", context=context)


def _role(text: str) -> Role:
    if text not in list(Role):
        raise Refused("SH508", f"{text!r} is no role.", hint=f"There are {', '.join(Role)}.")
    return Role(text)


def _days(text: str) -> int:
    if not text.strip().isdecimal() or not 1 <= int(text) <= LONGEST_TOKEN_DAYS:
        raise Refused("SH509", f"{text!r} is no number of days, from 1 to {LONGEST_TOKEN_DAYS}.")
    return int(text)


ROUTES = (
    show,
    invite,
    one,
    describe,
    give,
    take,
    link,
    disable,
    enable,
    sign_out,
    tokens,
    make_token,
    revoke,
)
