"""Who speaks in a chat: an account that somebody linked, or whoever has a one-time code. Never a nick."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shiphorn.errors import Forbidden, NotFound, Refused, Unknown
from shiphorn.model.chat import CodeUse, Speaker
from shiphorn.model.people import Caller, Person, Role
from shiphorn.model.times import span
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.audit import record
from shiphorn.service.people.people import person as person_of
from shiphorn.service.people.sign_in import WINDOW_SECONDS, caller_of, free_at
from shiphorn.store.store import Store

SECONDS = {CodeUse.LINK: 600.0, CodeUse.ACT: 300.0}
MOST_BY_SPEAKER = 5
MOST_BY_NETWORK = 100
"""So many wrong codes in a quarter of an hour; a network has few enough for a code to be guessed in years."""
ISSUERS = ("irc:", "slack:")


@dataclass(frozen=True, slots=True)
class Linked:
    """An account of a chat that is somebody's: `network` is `irc:NAME` or `slack:TEAM`."""

    network: str
    account: str


def make_code(store: Store, caller: Caller, use: CodeUse, now: float) -> tuple[str, float]:
    """Make a code of one's own: it, as people write it, and until when it is good.

    A token makes none: it would do more with it than it may. Raises Forbidden SH940.
    """
    if caller.person_id is None or caller.limit is not None:
        raise Forbidden("SH940", "only somebody who is signed in can make a code.", hint="Sign in first.")
    until = now + SECONDS[use]
    code = store.codes.make(caller.person_id, use, now, until)
    record(store, caller, "chat code made", EVERYWHERE, now, facts={"for": use.value})
    return f"{code[:4]}-{code[4:]}", until


def linked(store: Store, person: Person) -> list[Linked]:
    """The accounts of chats that are a person's."""
    found = store.people.identities(person.id)
    return [Linked(issuer, subject) for issuer, subject in found if issuer.startswith(ISSUERS)]


def known(store: Store, speaker: Speaker) -> Caller | None:
    """Who speaks, by the account that the network vouches for; None for nobody that is known."""
    if not speaker.account:
        return None
    person = store.people.by_identity(speaker.network, _subject(speaker))
    return caller_of(person, "chat", speaker.place) if person is not None else None


def owner(store: Store, speaker: Speaker, code: str, now: float) -> Caller:
    """Whose code for an order it is, which is not used up by that. Raises Unknown SH941, Refused SH942."""
    attempt = _attempt(store, speaker, now)
    caller = _caller(store, speaker, store.codes.owner(code, CodeUse.ACT, now))
    return _right(store, speaker, attempt, caller, now)


def use(store: Store, speaker: Speaker, code: str, now: float) -> Caller:
    """Use a code up, to give one order: who gives it. Raises as `owner`."""
    attempt = _attempt(store, speaker, now)
    caller = _caller(store, speaker, store.codes.use(code, CodeUse.ACT, now))
    return _right(store, speaker, attempt, caller, now)


def link(store: Store, speaker: Speaker, code: str, now: float) -> Caller:
    """Link the account of who speaks to the person whose code it is.

    Raises Refused SH943 (no account that the network vouches for), SH942, SH944 (it is somebody else's),
    Unknown SH941.
    """
    if not speaker.account:
        raise Refused(
            "SH943",
            f"{speaker.network} does not say that {speaker.nick} has an account.",
            hint="Log in to your account of the network, and say it again. A nick alone is no proof.",
        )
    attempt = _attempt(store, speaker, now)
    caller = _caller(store, speaker, store.codes.use(code, CodeUse.LINK, now))
    caller = _right(store, speaker, attempt, caller, now)
    store.people.add_identity(speaker.network, _subject(speaker), caller.person_id or 0)
    holder = store.people.by_identity(speaker.network, _subject(speaker))
    if holder is None or holder.id != caller.person_id:
        raise Refused(
            "SH944",
            f"the account {speaker.account} of {speaker.network} is somebody else's here.",
            hint="They unlink it on their account page, or an admin does.",
        )
    facts = {"network": speaker.network, "account": speaker.account}
    record(store, caller, "chat account linked", EVERYWHERE, now, facts=facts)
    return caller


def unlink(store: Store, caller: Caller, login: str, network: str, account: str, now: float) -> None:
    """Unlink an account: anybody their own, admins all. Raises SH550, SH555, NotFound SH945."""
    own = caller.person_id is not None and caller.limit is None and caller.name == login.strip().lower()
    if not own:
        require(caller, Role.ADMIN, EVERYWHERE, f"unlink accounts of {login}", store)
    whose = person_of(store, login)
    if not network.startswith(ISSUERS) or not store.people.drop_identity(network, account, whose.id):
        raise NotFound("SH945", f"{account} of {network} is no account of {whose.login}.")
    facts = {"login": whose.login, "network": network, "account": account}
    record(store, caller, "chat account unlinked", EVERYWHERE, now, facts=facts)


def _subject(speaker: Speaker) -> str:
    """The account as it is kept: services of networks know no case."""
    return speaker.account.lower()


def _caller(store: Store, speaker: Speaker, person_id: int | None) -> Caller | None:
    person = store.people.get(person_id) if person_id is not None else None
    return caller_of(person, "chat", speaker.place) if person is not None else None


def _attempt(store: Store, speaker: Speaker, now: float) -> int:
    """Count an attempt before its outcome is known. Raises Refused SH942."""
    # No login has a space in it, so that nobody's signing in is kept from them by this.
    who, where = (
        f"code {speaker.network} {speaker.account or speaker.nick.lower()}",
        f"code {speaker.network}",
    )
    sessions = store.sessions
    number, since = sessions.add_failure(who, where, now), now - WINDOW_SECONDS
    times = [
        free_at(sessions.failures(since, number, login=who), MOST_BY_SPEAKER),
        free_at(sessions.failures(since, number, address=where), MOST_BY_NETWORK),
    ]
    retry_at = max((at for at in times if at is not None), default=None)
    if retry_at is not None:
        sessions.forgive(number)
        raise Refused(
            "SH942",
            f"too many wrong codes; the next may be tried in {span(retry_at - now)}.",
            facts={"retry_at": retry_at, "retry_after_seconds": math.ceil(retry_at - now)},
        )
    return number


def _right(store: Store, speaker: Speaker, attempt: int, caller: Caller | None, now: float) -> Caller:
    if caller is None:
        stranger = Caller("", "chat", speaker.place)
        record(store, stranger, "chat code refused", EVERYWHERE, now, facts={"account": speaker.account})
        raise Unknown(
            "SH941",
            "this code is not good: each works once, for a few minutes, for what it was made for.",
            hint="Make another one on your account page.",
        )
    store.sessions.forgive(attempt)
    return caller
