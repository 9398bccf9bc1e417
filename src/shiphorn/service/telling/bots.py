"""What a bot tells of a deploy, in one message that is changed or answered: no flood."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.adapters.notify_bots import Said, edit, post
from shiphorn.adapters.webhook import Sender
from shiphorn.model.notices import Audience, Bot, Moment, Notice, Updates
from shiphorn.store.store import Store

ANSWER_BYTES = 65_536
"""Chats answer with the whole message."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Something to tell: of events with these numbers, of a deploy; 0 for of several."""

    notice: Notice
    about: frozenset[int]
    deploy_id: int = 0
    moment: Moment | None = None

    @property
    def is_urgent(self) -> bool:
        """Whether somebody has to look: a message that is only changed wakes nobody."""
        return self.moment is not None and (self.moment.is_failure or self.moment == Moment.PAUSED)


def newest_of_each(tellings: Sequence[Telling]) -> list[Telling]:
    """Of each deploy the last thing only, which is about all of them."""
    found: dict[int, Telling] = {}
    for one in tellings:
        before = found.pop(one.deploy_id, None)
        about = one.about | (before.about if before else frozenset())
        found[one.deploy_id] = Telling(one.notice, about, one.deploy_id, one.moment)
    return list(found.values())


async def tell(store: Store, audience: Audience, bot: Bot, token: str, telling: Telling) -> str:
    """Tell it: "" when it was taken, else why not. When it is told again, the message is changed again."""
    sender = Sender(answer_bytes=ANSWER_BYTES)
    row = f"{audience.name}:{bot.kind}"
    try:
        known = ""
        if telling.deploy_id and audience.updates != Updates.EACH:
            known = await asyncio.to_thread(store.told.reference, row, telling.deploy_id)
        said = await _say(sender, bot, token, audience.updates, known, telling)
        if said.reference and telling.deploy_id and not known and audience.updates != Updates.EACH:
            await asyncio.to_thread(store.told.keep, row, telling.deploy_id, said.reference, time.time())
        return said.problem
    finally:
        await sender.close()


async def _say(sender: Sender, bot: Bot, token: str, updates: Updates, known: str, telling: Telling) -> Said:
    text = telling.notice.text
    if not known:
        return await post(sender, bot, token, text)
    if updates == Updates.THREAD:
        return await post(sender, bot, token, text, thread=known, loud=telling.is_urgent)
    changed = await edit(sender, bot, token, known, text)
    # Somebody may have removed it.
    if changed.gone or (not changed.problem and telling.is_urgent):
        return await post(sender, bot, token, text)
    return changed
