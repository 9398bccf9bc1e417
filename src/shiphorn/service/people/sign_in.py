"""How people get in, and who a cookie or a token stands for.

Nothing here tells a stranger whether a login exists: an unknown one takes as long, fails with the same
words, and counts the same.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.adapters import passwords
from shiphorn.errors import Refused, Unknown
from shiphorn.model.identity import Claims
from shiphorn.model.people import Caller, Grant, Person, Role
from shiphorn.model.times import span
from shiphorn.service.access import EVERYWHERE
from shiphorn.service.audit import record
from shiphorn.service.people.passwords import require_good
from shiphorn.store.store import Store

SESSION_SECONDS = 14 * 86400.0
LINK_SECONDS = 7 * 86400.0
WINDOW_SECONDS = 15 * 60.0
MOST_BY_LOGIN = 5
MOST_BY_ADDRESS = 30
LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Browser:
    """Where somebody signs in from: a network address, and what the browser says it is."""

    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """What an identity provider is trusted with.

    `link_by_email`: somebody whose verified address is that of one person here is that person.
    `default_role`: who is not known is made a person with this role everywhere; None makes nobody.
    """

    link_by_email: bool = False
    default_role: Role | None = None


def sign_in(store: Store, login: str, password: str, browser: Browser, now: float) -> tuple[str, Person]:
    """Sign in with a password: the secret of the session, and who it is.

    Raises Unknown SH551 (wrong), Refused SH552 (too many attempts).
    """
    login = login.strip().lower()[:200]
    attempt = _attempt(store, login, browser, now)
    person = store.people.by_login(login)
    kept = store.people.password(person.id) if person else ""
    right = passwords.matches(kept, password)
    if person is None or not right or person.disabled_at is not None:
        if person is not None:
            # What is typed for a login may be a password: only one that is known is kept.
            stranger = Caller("", "web", browser.address)
            record(store, stranger, "sign-in failed", EVERYWHERE, now, facts={"login": login})
        raise Unknown("SH551", "the login or the password is wrong.", hint="Try again, or ask an admin.")
    store.sessions.forgive(attempt, login=login)
    if passwords.outdated(kept):
        store.people.update(person.id, password=passwords.hashed(password))
    return _signed_in(store, person, browser, now, "password")


def sign_in_by_identity(
    store: Store, claims: Claims, rules: IdentityRules, browser: Browser, now: float
) -> tuple[str, Person]:
    """Sign in whom an identity provider vouches for: the secret of the session, and who it is.

    Raises Unknown SH564: nobody here has that identity and the rules make nobody, or they are disabled.
    """
    person = store.people.by_identity(claims.issuer, claims.subject)
    if person is None:
        person = _linked(store, claims, rules, browser, now) or _made(store, claims, rules, browser, now)
    if person is None or person.disabled_at is not None:
        who = claims.email or claims.preferred_username or claims.subject
        reason = "may not sign in any more" if person else "is nobody here"
        raise Unknown(
            "SH564",
            f"{claims.issuer} knows you as {who}, who {reason}.",
            hint="Ask an admin for an invitation." if person is None else "Ask an admin.",
            facts={"issuer": claims.issuer, "subject": claims.subject},
        )
    return _signed_in(store, person, browser, now, claims.issuer)


def sign_in_by_link(
    store: Store, link: str, browser: Browser, now: float, *, password: str = ""
) -> tuple[str, Person]:
    """Use a link up, and set a password with it if one is given: the session's secret, and who it is.

    Raises Unknown SH557 (used, expired, never was), Refused SH553 (the password; the link stays good).
    """
    person_id = store.sessions.link_is_for(link, now)
    person = store.people.get(person_id) if person_id is not None else None
    if person is not None and password:
        require_good(password, person.login)
    if person is None or person.disabled_at is not None or store.sessions.use_link(link, now) is None:
        raise Unknown(
            "SH557",
            "this link is not good any more: it works once, for a while.",
            hint="Ask for another one.",
        )
    if password:
        store.people.update(person.id, password=passwords.hashed(password))
        store.sessions.end_all(person.id)
        record(
            store, _caller(person, browser), "password set", EVERYWHERE, now, facts={"login": person.login}
        )
    return _signed_in(store, store.people.get(person.id) or person, browser, now, "link")


def sign_out(store: Store, secret: str, address: str, now: float) -> None:
    """End a session."""
    caller = caller_of_session(store, secret, address, now)
    store.sessions.end(secret)
    if caller is not None:
        record(store, caller, "sign out", EVERYWHERE, now)


def caller_of_session(store: Store, secret: str, address: str, now: float) -> Caller | None:
    """Who a cookie stands for; None for nobody."""
    person_id = store.sessions.person_of(secret, now)
    person = store.people.get(person_id) if person_id is not None else None
    return None if person is None else caller_of(person, "web", address)


def caller_of_token(store: Store, secret: str, address: str, now: float) -> Caller | None:
    """Who a token stands for, what it narrows them to, and which face it was made for; None for nobody."""
    token = store.tokens.find(secret, now)
    person = store.people.get(token.person_id) if token is not None else None
    if token is None or person is None:
        return None
    return caller_of(person, token.via, address, token.grant)


def caller_of(person: Person, via: str, address: str, limit: Grant | None = None) -> Caller | None:
    """A person as one who asks; None for who is disabled."""
    if person.disabled_at is not None:
        return None
    return Caller(person.login, via, address, person.grants, limit, person.id, person.muted)


def needs_set_up(store: Store) -> bool:
    """Whether there is nobody yet."""
    return not store.people.anybody()


def set_up(
    store: Store,
    code: str,
    expected: str,
    login: str,
    password: str,
    browser: Browser,
    now: float,
    *,
    name: str = "",
    email: str = "",
) -> tuple[str, Person]:
    """Make the first person, who is admin everywhere: the secret of their session, and who it is.

    `expected` is the code that the service printed where it was started. Raises Refused SH560 (there is
    somebody), SH552, SH553, SH554; Unknown SH561 (wrong code).
    """
    if not needs_set_up(store):
        raise _set_up_before()
    attempt = _attempt(store, "", browser, now)
    if not expected or not hmac.compare_digest(code.strip().encode(), expected.encode()):
        raise Unknown(
            "SH561", "this is not the set-up code.", hint="The service prints it where it was started."
        )
    store.sessions.forgive(attempt, login="")
    login = require_login(login)
    require_good(password, login)
    person = store.people.add(
        login,
        now,
        name=name.strip(),
        email=email.strip(),
        password=passwords.hashed(password),
        held=[Grant(Role.ADMIN)],
        only_as_first=True,
    )
    if person is None:
        raise _set_up_before()
    record(store, _caller(person, browser), "set up", EVERYWHERE, now, facts={"login": login})
    return _signed_in(store, person, browser, now, "password")


def require_login(text: str) -> str:
    """A login as it is kept. Raises Refused SH554."""
    login = text.strip().lower()
    if not LOGIN.fullmatch(login):
        raise Refused(
            "SH554",
            f"{text!r} cannot be a login.",
            hint="Begin with a letter or a digit; letters, digits and . _ @ - may follow, 64 in all.",
        )
    return login


def purge(store: Store, now: float) -> None:
    """Forget what is over: sessions, links and failures. For now and then."""
    store.sessions.purge(now, now - WINDOW_SECONDS)


def free_at(failed: Sequence[float], most: int) -> float | None:
    """When one more attempt may be made; None for at once. `failed` is in order, of the last window."""
    return failed[-most] + WINDOW_SECONDS if len(failed) >= most else None


def _attempt(store: Store, login: str, browser: Browser, now: float) -> int:
    """Count an attempt before its outcome is known, so that many at once are counted. Raises SH552."""
    purge(store, now)
    number = store.sessions.add_failure(login, browser.address, now)
    since = now - WINDOW_SECONDS
    by_login = store.sessions.failures(since, number, login=login)
    by_address = store.sessions.failures(since, number, address=browser.address)
    times = [free_at(by_login, MOST_BY_LOGIN), free_at(by_address, MOST_BY_ADDRESS)]
    retry_at = max((at for at in times if at is not None), default=None)
    if retry_at is not None:
        # It was not tried, so that it does not count: the wait gets no longer by asking.
        store.sessions.forgive(number)
        raise Refused(
            "SH552",
            f"too many attempts to sign in failed; the next may be made in {span(retry_at - now)}.",
            hint="An admin can send you a link that signs you in.",
            facts={"retry_at": retry_at, "retry_after_seconds": math.ceil(retry_at - now)},
        )
    return number


def _signed_in(store: Store, person: Person, browser: Browser, now: float, by: str) -> tuple[str, Person]:
    secret = store.sessions.open(person.id, browser.address, browser.agent[:300], now, now + SESSION_SECONDS)
    record(store, _caller(person, browser), "sign in", EVERYWHERE, now, facts={"by": by})
    return secret, person


def _linked(
    store: Store, claims: Claims, rules: IdentityRules, browser: Browser, now: float
) -> Person | None:
    if not (rules.link_by_email and claims.email_verified and claims.email):
        return None
    found = store.people.by_email(claims.email)
    if len(found) != 1 or found[0].disabled_at is not None:
        return None
    store.people.add_identity(claims.issuer, claims.subject, found[0].id)
    facts = {"issuer": claims.issuer, "subject": claims.subject, "email": claims.email}
    record(store, _caller(found[0], browser), "identity linked", EVERYWHERE, now, facts=facts)
    return found[0]


def _made(store: Store, claims: Claims, rules: IdentityRules, browser: Browser, now: float) -> Person | None:
    shut_out = [person for person in store.people.by_email(claims.email) if person.disabled_at is not None]
    if shut_out or rules.default_role is None:
        return next(iter(shut_out), None)
    wish = login_from(claims)
    for number in range(1, 1000):
        person = store.people.add(
            wish if number == 1 else f"{wish}-{number}",
            now,
            name=claims.name,
            email=claims.email if claims.email_verified else "",
            held=[Grant(rules.default_role)],
            identity=(claims.issuer, claims.subject),
        )
        if person is not None:
            facts = {"login": person.login, "issuer": claims.issuer, "subject": claims.subject}
            record(store, _caller(person, browser), "person made", EVERYWHERE, now, facts=facts)
            return person
    return None


def login_from(claims: Claims) -> str:
    """The login to make for somebody: their user name there, or what their address or name begins with."""
    for text in (claims.preferred_username, claims.email.partition("@")[0], claims.name):
        login = re.sub(r"[^a-z0-9._@-]+", "-", text.lower()).strip("-._@")[:60]
        if login:
            return login
    return "person"


def _caller(person: Person, browser: Browser) -> Caller:
    return Caller(person.login, "web", browser.address, person.grants, person_id=person.id)


def _set_up_before() -> Refused:
    return Refused("SH560", "the first admin is there already.", hint="Sign in, or ask an admin.")
