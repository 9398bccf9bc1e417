"""People and what they may do: invitations, passwords, roles, tokens. Each act is written down."""

from __future__ import annotations

from collections.abc import Sequence

from shiphorn.adapters import passwords
from shiphorn.errors import Forbidden, NotFound, Refused
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Person, Role, Token
from shiphorn.service.access import EVERYWHERE, require, where
from shiphorn.service.audit import record
from shiphorn.service.people.passwords import require_good
from shiphorn.service.people.sign_in import LINK_SECONDS, require_login
from shiphorn.store.store import Store


def person(store: Store, login: str) -> Person:
    """The person with a login. Raises NotFound SH555."""
    found = store.people.by_login(login.strip().lower())
    if found is None:
        raise NotFound("SH555", f"nobody here is called {login}.", facts={"login": login})
    return found


def listed(store: Store, caller: Caller) -> list[Person]:
    """Everybody, by their logins; those too who are disabled. Raises SH550."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at people", store)
    return store.people.all()


def invite(
    store: Store,
    caller: Caller,
    login: str,
    now: float,
    *,
    name: str = "",
    email: str = "",
    held: Sequence[Grant] = (),
) -> tuple[Person, str]:
    """Make a person, and a link that signs them in once: both. Raises SH550, Refused SH554 (login)."""
    require(caller, Role.ADMIN, EVERYWHERE, "invite people", store)
    login = require_login(login)
    made = store.people.add(login, now, name=name.strip(), email=email.strip(), held=held)
    if made is None:
        raise Refused("SH554", f"somebody is called {login} already.", hint="Choose another login.")
    facts = {"login": login, "roles": [_words(grant) for grant in made.grants]}
    record(store, caller, "person invited", EVERYWHERE, now, facts=facts)
    return made, store.sessions.make_link(made.id, now, now + LINK_SECONDS)


def make_link(
    store: Store, caller: Caller, login: str, now: float, *, lifetime_seconds: float = LINK_SECONDS
) -> str:
    """Make a link that signs a person in once, who forgot their password: its secret. Raises SH550, SH555."""
    require(caller, Role.ADMIN, EVERYWHERE, "make links that sign others in", store)
    whose = person(store, login)
    record(store, caller, "link made", EVERYWHERE, now, facts={"login": whose.login})
    return store.sessions.make_link(whose.id, now, now + lifetime_seconds)


def describe(
    store: Store,
    caller: Caller,
    login: str,
    now: float,
    *,
    name: str | None = None,
    email: str | None = None,
) -> Person:
    """Change somebody's name or address; anybody their own name, admins all. Raises SH550, SH555."""
    if email is not None or not _is(caller, login):
        # An address may be what an identity provider's word is compared with.
        require(caller, Role.ADMIN, EVERYWHERE, f"change the entry of {login}", store)
    whose = person(store, login)
    given = {"name": name, "email": email}
    values = {key: text.strip() for key, text in given.items() if text is not None}
    if values:
        store.people.update(whose.id, **values)
        record(store, caller, "person changed", EVERYWHERE, now, facts={"login": whose.login} | values)
    return person(store, login)


def set_password(
    store: Store,
    caller: Caller,
    login: str,
    password: str,
    now: float,
    *,
    current: str = "",
    session: str = "",
) -> None:
    """Set a password: anybody their own, who gives the `current` one if there is; admins those of others.

    All sessions of that person end, but the one with the secret `session`. Raises SH550, SH555,
    Refused SH553 (not good enough), Forbidden SH565 (`current` is wrong).
    """
    own = _is(caller, login)
    if not own:
        require(caller, Role.ADMIN, EVERYWHERE, f"set the password of {login}", store)
    whose = person(store, login)
    if own and whose.has_password and not passwords.matches(store.people.password(whose.id), current):
        raise Forbidden("SH565", "the current password is wrong.", hint="Or ask an admin for a link.")
    require_good(password, whose.login)
    store.people.update(whose.id, password=passwords.hashed(password))
    store.sessions.end_all(whose.id, but=session)
    record(store, caller, "password set", EVERYWHERE, now, facts={"login": whose.login})


def disable(store: Store, caller: Caller, login: str, now: float, *, reason: str = "") -> None:
    """Shut a person out: sessions end, tokens stop. Raises SH550, SH555, Refused SH556 (the last admin)."""
    require(caller, Role.ADMIN, EVERYWHERE, "disable people", store)
    whose = person(store, login)
    if whose.disabled_at is not None:
        return
    if not store.people.update(whose.id, disabled_at=now):
        raise _last_admin(whose)
    store.sessions.end_all(whose.id)
    record(store, caller, "person disabled", EVERYWHERE, now, reason=reason, facts={"login": whose.login})


def enable(store: Store, caller: Caller, login: str, now: float, *, reason: str = "") -> None:
    """Let a person in again; their tokens work again. Raises SH550, SH555."""
    require(caller, Role.ADMIN, EVERYWHERE, "enable people", store)
    whose = person(store, login)
    if whose.disabled_at is None:
        return
    store.people.update(whose.id, disabled_at=None)
    record(store, caller, "person enabled", EVERYWHERE, now, reason=reason, facts={"login": whose.login})


def set_grant(
    store: Store, caller: Caller, login: str, grant: Grant, now: float, *, reason: str = ""
) -> None:
    """Give a role in a scope, in place of the one held there. Raises SH550, SH555, SH556."""
    require(caller, Role.ADMIN, EVERYWHERE, "give roles", store)
    whose = person(store, login)
    if grant in whose.grants:
        return
    if not store.people.set_grant(whose.id, grant):
        raise _last_admin(whose)
    facts = {"login": whose.login, "role": grant.role.value}
    record(store, caller, "role given", grant.scope, now, reason=reason, facts=facts)


def drop_grant(
    store: Store, caller: Caller, login: str, scope: Scope, now: float, *, reason: str = ""
) -> None:
    """Take the role away that somebody holds in exactly this scope. Raises SH550, SH555, SH556."""
    require(caller, Role.ADMIN, EVERYWHERE, "take roles away", store)
    whose = person(store, login)
    held = next((grant for grant in whose.grants if grant.scope == scope), None)
    if held is None:
        raise NotFound("SH555", f"{whose.login} has no role {where(scope)} that could be taken away.")
    if not store.people.drop_grant(whose.id, scope):
        raise _last_admin(whose)
    facts = {"login": whose.login, "role": held.role.value}
    record(store, caller, "role taken away", scope, now, reason=reason, facts=facts)


def end_sessions(store: Store, caller: Caller, login: str, now: float, *, session: str = "") -> None:
    """Sign a person out of every browser, but the one with the secret `session`. Raises SH550, SH555."""
    if not _is(caller, login):
        require(caller, Role.ADMIN, EVERYWHERE, f"sign {login} out", store)
    whose = person(store, login)
    store.sessions.end_all(whose.id, but=session)
    record(store, caller, "sessions ended", EVERYWHERE, now, facts={"login": whose.login})


def mute(store: Store, caller: Caller, muted: bool, now: float) -> None:
    """Silence the horn for oneself, or let it sound. Nothing for a caller who is no person here."""
    if caller.person_id is None:
        return
    store.people.update(caller.person_id, muted=int(muted))
    record(store, caller, "horn muted" if muted else "horn unmuted", EVERYWHERE, now)


def make_token(
    store: Store,
    caller: Caller,
    name: str,
    grant: Grant,
    now: float,
    *,
    expires_at: float | None = None,
) -> tuple[str, Token]:
    """Make a token of one's own: its secret, which is shown once, and the token.

    A token makes no tokens: one that leaks would outlive its end through them. Raises Refused SH558.
    """
    problem = _problem(caller, name, grant, expires_at, now)
    if problem or caller.person_id is None:
        raise Refused("SH558", f"this token cannot be made: {problem}.")
    secret, token = store.tokens.make(caller.person_id, name.strip(), grant, now, expires_at=expires_at)
    facts = {"token": token.id, "name": token.name, "role": grant.role.value, "expires_at": expires_at}
    record(store, caller, "token made", grant.scope, now, facts=facts)
    return secret, token


def tokens(store: Store, caller: Caller, *, everybodys: bool = False) -> list[Token]:
    """One's own tokens, or everybody's, in the order in which they were made. Raises SH550."""
    if everybodys:
        require(caller, Role.ADMIN, EVERYWHERE, "look at the tokens of others", store)
        return store.tokens.listed()
    return [] if caller.person_id is None else store.tokens.listed(caller.person_id)


def revoke_token(store: Store, caller: Caller, token_id: int, now: float, *, reason: str = "") -> None:
    """Revoke a token: anybody their own, admins all. Raises NotFound SH559, for those of others as well."""
    token = store.tokens.get(token_id)
    theirs = token is not None and token.person_id == caller.person_id
    if token is None or not (theirs or caller.may(Role.ADMIN, EVERYWHERE)):
        raise NotFound("SH559", f"there is no token {token_id} of yours.")
    if token.revoked_at is not None:
        return
    store.tokens.revoke(token_id, now)
    facts = {"token": token_id, "name": token.name}
    record(store, caller, "token revoked", token.grant.scope, now, reason=reason, facts=facts)


def _is(caller: Caller, login: str) -> bool:
    """Whether they are that person, and not one of their tokens, which may do less.

    Nobody is looked up for it: who may not ask is not told whether there is somebody of that login.
    """
    return caller.person_id is not None and caller.limit is None and caller.name == login.strip().lower()


def _problem(caller: Caller, name: str, grant: Grant, expires_at: float | None, now: float) -> str:
    if caller.person_id is None:
        return f"{caller.name} is no person here, whose it could be"
    if caller.limit is not None:
        return "a token makes no tokens"
    if not name.strip() or len(name) > 100:
        return "its name says what it is for, in 1 to 100 characters"
    if expires_at is not None and expires_at <= now:
        return "it would end before it begins"
    if not caller.may(grant.role, grant.scope):
        return f"{caller.name} is not {grant.role} {where(grant.scope)}, so that no token of theirs can be"
    return ""


def _words(grant: Grant) -> str:
    return f"{grant.role} {where(grant.scope)}"


def _last_admin(whose: Person) -> Refused:
    return Refused(
        "SH556",
        f"{whose.login} is the last who is admin everywhere.",
        hint="Make somebody else admin everywhere first.",
        facts={"login": whose.login},
    )
