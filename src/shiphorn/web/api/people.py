"""People, what they may do, and tokens."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from shiphorn.model.locks import Scope
from shiphorn.model.people import Grant, Person, Role, Token
from shiphorn.service.people import people as people_service
from shiphorn.web.api.given import Number, ReasonBody, ScopeBody, in_thread
from shiphorn.web.given import TheCaller, TheService, TheSite


@dataclass
class Held:
    """A role, and where it holds."""

    role: Role
    app: str = ""
    environment: str = ""

    @property
    def grant(self) -> Grant:
        """The same as the service has it."""
        return Grant(self.role, Scope(self.app, self.environment))


@dataclass
class InviteBody:
    """Who is invited, and the roles that they will have."""

    login: str
    name: str = ""
    email: str = ""
    grants: list[Held] = field(default_factory=list)


@dataclass
class GrantBody(Held):
    """A role to give, and why."""

    reason: str = ""


@dataclass(frozen=True)
class Invited:
    """A person, and the link that signs them in once. It is shown this once."""

    person: Person
    link: str


@get("/people")
@in_thread
def people(service: TheService, caller: TheCaller) -> list[Person]:
    """Everybody, by their logins."""
    return people_service.listed(service.store, caller)


@post("/people")
@in_thread
def invite(service: TheService, caller: TheCaller, site: TheSite, data: JSONBody[InviteBody]) -> Invited:
    """Invite somebody."""
    held = [one.grant for one in data.grants]
    made, secret = people_service.invite(
        service.store, caller, data.login, time.time(), name=data.name, email=data.email, held=held
    )
    return Invited(made, f"{site.url}/link/{secret}")


@post("/people/{login:str}/link", status_code=200)
@in_thread
def link(service: TheService, caller: TheCaller, site: TheSite, login: FromPath[str]) -> Invited:
    """A link that signs somebody in once, who forgot their password."""
    secret = people_service.make_link(service.store, caller, login, time.time())
    return Invited(people_service.person(service.store, login), f"{site.url}/link/{secret}")


@post("/people/{login:str}/disable", status_code=200)
@in_thread
def disable(
    service: TheService, caller: TheCaller, login: FromPath[str], data: JSONBody[ReasonBody]
) -> Person:
    """Shut somebody out: their sessions end, their tokens stop."""
    people_service.disable(service.store, caller, login, time.time(), reason=data.reason)
    return people_service.person(service.store, login)


@post("/people/{login:str}/enable", status_code=200)
@in_thread
def enable(
    service: TheService, caller: TheCaller, login: FromPath[str], data: JSONBody[ReasonBody]
) -> Person:
    """Let somebody in again."""
    people_service.enable(service.store, caller, login, time.time(), reason=data.reason)
    return people_service.person(service.store, login)


@post("/people/{login:str}/grant", status_code=200)
@in_thread
def grant(service: TheService, caller: TheCaller, login: FromPath[str], data: JSONBody[GrantBody]) -> Person:
    """Give a role in a scope, in place of the one held there."""
    people_service.set_grant(service.store, caller, login, data.grant, time.time(), reason=data.reason)
    return people_service.person(service.store, login)


@post("/people/{login:str}/ungrant", status_code=200)
@in_thread
def ungrant(
    service: TheService, caller: TheCaller, login: FromPath[str], data: JSONBody[ScopeBody]
) -> Person:
    """Take the role away that somebody holds in exactly this scope."""
    people_service.drop_grant(service.store, caller, login, data.scope, time.time(), reason=data.reason)
    return people_service.person(service.store, login)


@get("/tokens")
@in_thread
def tokens(service: TheService, caller: TheCaller, everybodys: FromQuery[bool] = False) -> list[Token]:
    """Your tokens, or everybody's."""
    return people_service.tokens(service.store, caller, everybodys=everybodys)


@post("/tokens/{token_id:int}/revoke", status_code=200)
@in_thread
def revoke(
    service: TheService, caller: TheCaller, token_id: Number, data: JSONBody[ReasonBody]
) -> Token | None:
    """Revoke a token for good."""
    people_service.revoke_token(service.store, caller, token_id, time.time(), reason=data.reason)
    return service.store.tokens.get(token_id)


ROUTES = (people, invite, link, disable, enable, grant, ungrant, tokens, revoke)
