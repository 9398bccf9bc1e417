"""What is answered to somebody who speaks: the one door for every chat."""

from __future__ import annotations

from shiphorn.chat.grammar import FORMS, Unclear, Verb, code_of, parse
from shiphorn.model.chat import Speaker
from shiphorn.service.service import Service


async def answer(service: Service, speaker: Speaker, text: str) -> str:
    """The answer to what somebody says, in lines. Nothing is raised: what goes wrong is said."""
    said, _ = code_of(text)
    try:
        command = parse(said, None)
    except Unclear as unclear:
        return str(unclear)
    if command.verb == Verb.HELP:
        return "\n".join(FORMS.values())
    person = service.store.people.by_identity(speaker.network, speaker.account) if speaker.account else None
    return f"You are {person.login}." if person else f"I do not know who you are, {speaker.nick}."
