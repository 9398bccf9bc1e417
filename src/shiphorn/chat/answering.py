"""What is answered to somebody who speaks: the one door for every chat."""

from __future__ import annotations

import asyncio
import logging
import time

from shiphorn.chat import asking, ordering, speaking
from shiphorn.chat.grammar import Known, Unclear, Verb, code_of, parse
from shiphorn.errors import ShiphornError
from shiphorn.model.chat import Speaker
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.model.plain import one_line
from shiphorn.service.people import chat_accounts
from shiphorn.service.service import Service

_log = logging.getLogger(__name__)


async def answer(service: Service, speaker: Speaker, text: str) -> str:
    """The answer to what somebody says, in lines. Nothing is raised: what goes wrong is said."""
    try:
        return await _answer(service, speaker, one_line(text))
    except Unclear as unclear:
        return speaking.told([str(unclear)])
    except ShiphornError as error:
        return speaking.error(error)
    except Exception:  # noqa: BLE001 - whoever speaks is told that something is wrong, and others go on
        _log.exception("chat: a defect")
        return "something went wrong here that should not; it is in the log of the service."


async def _answer(service: Service, speaker: Speaker, text: str) -> str:
    said, code = code_of(text)
    url = service.apps.service.model.url.rstrip("/")
    caller = await asyncio.to_thread(chat_accounts.known, service.store, speaker)
    # Names are looked at once it is known who speaks: what there is is not for everybody.
    verb = parse(said, None).verb
    if verb == Verb.LINK:
        given = code or parse(said, None).text.replace("-", "").replace(" ", "").upper()
        linked = await asyncio.to_thread(chat_accounts.link, service.store, speaker, given, time.time())
        return f"You are {linked.name} from here on, as {speaker.account} of {speaker.network}."
    if verb == Verb.HELP:
        return speaking.help_text(parse(said, None).text, url)
    if code:
        caller = await _by_code(service, speaker, code)
    if verb == Verb.WHOAMI:
        return speaking.whoami(speaker, caller, url)
    if verb.only_asks:
        reader = _reader(service, speaker, caller)
        if reader is None:
            raise speaking.stranger(speaker, url)
        command = parse(said, _known(service, reader))
        if verb == Verb.WHERE:
            return await asking.where(service, reader, caller or reader, command)
        return await asking.ANSWERS[verb](service, reader, command)
    if caller is None:
        raise speaking.stranger(speaker, url)
    command = parse(said, _known(service, caller))
    if code and speaker.private:
        await asyncio.to_thread(chat_accounts.use, service.store, speaker, code, time.time())
    return await ordering.ANSWERS[verb](service, caller, command)


async def _by_code(service: Service, speaker: Speaker, code: str) -> Caller:
    """Whose code it is. Where others have read it, it is used up at once, whatever comes of the order."""
    find = chat_accounts.owner if speaker.private else chat_accounts.use
    return await asyncio.to_thread(find, service.store, speaker, code, time.time())


def _reader(service: Service, speaker: Speaker, caller: Caller | None) -> Caller | None:
    """Who is shown something: in a channel no more than may be shown to all who are there."""
    if speaker.private:
        return caller
    if caller is None and not speaker.shown.to_everyone:
        return None
    places = [Scope(app, name) for app, names in service.places() for name in names]
    shown = [
        one
        for one in places
        if speaker.shown.covers(one)
        and (speaker.shown.to_everyone or (caller is not None and caller.sees(one)))
    ]
    name = caller.name if caller is not None else speaker.nick
    return Caller(name, "chat", speaker.place, tuple(Grant(Role.VIEWER, one) for one in shown))


def _known(service: Service, caller: Caller) -> Known:
    """The apps and environments that somebody sees."""
    seen = {app: [name for name in names if caller.sees(Scope(app, name))] for app, names in service.places()}
    return {app: names for app, names in seen.items() if names}
