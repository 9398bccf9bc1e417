"""Signing in and out, links that do so once, and the first start: the first admin."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from shiphorn.errors import NotFound, ShiphornError
from shiphorn.service.people.sign_in import (
    Browser,
    needs_set_up,
    set_up,
    sign_in,
    sign_in_by_link,
    sign_out,
)
from shiphorn.service.service import Service
from shiphorn.web.given import OPEN, Form, TheService, TheSite, in_thread
from shiphorn.web.security import SESSION_COOKIE
from shiphorn.web.site import Site


@dataclass
class SignIn:
    """What the form of the sign-in page sends."""

    login: str
    password: str
    next: str = ""


@dataclass
class SetUp:
    """What the form of the first start sends."""

    code: str
    login: str
    password: str
    name: str = ""


@dataclass
class Link:
    """What the form of an invitation sends."""

    password: str = ""


@get("/sign-in", opt=OPEN)
@in_thread
def show(service: TheService, site: TheSite, next: FromQuery[str] = "") -> Response[Any]:  # noqa: A002
    """The page to sign in at; on the very first start that of the first admin."""
    if needs_set_up(service.store):
        return Redirect(f"{site.base}/set-up")
    return sign_in_page(service, next)


@post("/sign-in", opt=OPEN)
@in_thread
def by_password(
    request: Request[Any, Any, Any], service: TheService, site: TheSite, data: Annotated[SignIn, Form]
) -> Response[Any]:
    """Sign in with a password."""
    try:
        secret, _ = sign_in(service.store, data.login, data.password, browser(request), time.time())
    except ShiphornError as error:
        return sign_in_page(service, data.next, error, data.login)
    return let_in(service, site, secret, data.next)


@post("/sign-out")
@in_thread
def out(request: Request[Any, Any, Any], service: TheService, site: TheSite) -> Response[Any]:
    """End the session."""
    sign_out(service.store, request.cookies.get(SESSION_COOKIE, ""), browser(request).address, time.time())
    answer = Redirect(f"{site.base}/sign-in", status_code=303)
    answer.delete_cookie(SESSION_COOKIE, path=site.base or "/")
    return answer


@get("/set-up", opt=OPEN)
@in_thread
def first(service: TheService, site: TheSite, code: FromQuery[str] = "") -> Response[Any]:
    """The page of the first admin."""
    if not needs_set_up(service.store):
        return Redirect(f"{site.base}/sign-in")
    return _set_up_page(SetUp(code, "", ""))


@post("/set-up", opt=OPEN)
@in_thread
def make_first(
    request: Request[Any, Any, Any], service: TheService, site: TheSite, data: Annotated[SetUp, Form]
) -> Response[Any]:
    """Make the first admin, and sign them in."""
    expected = request.app.state.set_up_code
    try:
        secret, _ = set_up(
            service.store,
            data.code,
            expected,
            data.login,
            data.password,
            browser(request),
            time.time(),
            name=data.name,
        )
    except ShiphornError as error:
        return _set_up_page(data, error)
    return let_in(service, site, secret, "")


@get("/link/{secret:str}", opt=OPEN)
@in_thread
def link(service: TheService, secret: FromPath[str]) -> Response[Any]:
    """The page of a link that signs in once: a program that looks at links does not use it up."""
    person_id = service.store.sessions.link_is_for(secret, time.time())
    person = service.store.people.get(person_id) if person_id is not None else None
    if person is None:
        raise NotFound(
            "SH557", "this link is not good any more: it works once, for a while.", hint="Ask for another."
        )
    return Template(
        "link.html", context={"problem": None, "caller": None, "person": person, "secret": secret}
    )


@post("/link/{secret:str}", opt=OPEN)
@in_thread
def use_link(
    request: Request[Any, Any, Any],
    service: TheService,
    site: TheSite,
    secret: FromPath[str],
    data: Annotated[Link, Form],
) -> Response[Any]:
    """Sign in by a link, and set a password with it if one is given."""
    try:
        session, _ = sign_in_by_link(
            service.store, secret, browser(request), time.time(), password=data.password
        )
    except ShiphornError as error:
        return _link_page(service, secret, error)
    return let_in(service, site, session, "")


def browser(request: Request[Any, Any, Any]) -> Browser:
    """Where a request comes from."""
    address = request.client.host if request.client else ""
    return Browser(address, request.headers.get("user-agent", "")[:200])


def sign_in_page(
    service: Service, next_page: str, problem: ShiphornError | None = None, login: str = ""
) -> Response[Any]:
    """The page to sign in at, with why it did not work before."""
    settings = service.apps.service.model.sign_in
    context = {
        "problem": problem,
        "caller": None,
        "login": login,
        "next": next_page,
        "password": settings.password,
        "oidc": settings.oidc.name if settings.oidc else "",
    }
    return Template("sign_in.html", context=context, status_code=200 if problem is None else 401)


def _set_up_page(given: SetUp, problem: ShiphornError | None = None) -> Response[Any]:
    context = {"problem": problem, "caller": None, "given": given}
    return Template("set_up.html", context=context, status_code=200 if problem is None else 422)


def _link_page(service: Service, secret: str, problem: ShiphornError | None = None) -> Response[Any]:
    person_id = service.store.sessions.link_is_for(secret, time.time())
    person = service.store.people.get(person_id) if person_id is not None else None
    if person is None:
        raise problem or NotFound("SH557", "this link is not good any more.", hint="Ask for another one.")
    context = {"problem": problem, "caller": None, "person": person, "secret": secret}
    return Template("link.html", context=context, status_code=200 if problem is None else 422)


def let_in(service: Service, site: Site, secret: str, next_page: str) -> Response[Any]:
    """Lead to where somebody wanted to go, with their session."""
    answer = Redirect(site.inner(next_page), status_code=303)
    answer.set_cookie(
        Cookie(
            SESSION_COOKIE,
            value=secret,
            path=site.base or "/",
            secure=site.secure,
            httponly=True,
            samesite="lax",
            max_age=int(service.apps.service.model.sign_in.session),
        )
    )
    return answer


ROUTES = (show, by_password, out, first, make_first, link, use_link)
