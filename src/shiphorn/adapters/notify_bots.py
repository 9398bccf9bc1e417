"""Messages of bots in Slack, Mattermost and Discord, which can be changed and answered afterwards.

Slack: `chat.postMessage` and `chat.update` (https://docs.slack.dev/reference/methods/chat.update): an answer
is 200 whatever came of it, `ok` says so; a message is known by the id of its channel and its `ts`.
Mattermost: `POST /api/v4/posts`, `PUT /api/v4/posts/ID/patch` (https://api.mattermost.com). Discord: `POST`
to the webhook with `wait=true`, `PATCH` to `/messages/ID` of it
(https://discord.com/developers/docs/resources/webhook).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from shiphorn.adapters.webhook import Answered, Sender
from shiphorn.model.notices import Bot, BotKind
from shiphorn.model.redact import Redactor

MOST_CHARACTERS = {BotKind.SLACK: 3500, BotKind.MATTERMOST: 4000, BotKind.DISCORD: 1900}
"""What each takes, with room for what is escaped."""
_GONE = ("message_not_found", "cant_update_message", "edit_window_closed")


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a message: what it is known by, or why it was not taken; `gone`: it was removed."""

    reference: str = ""
    problem: str = ""
    gone: bool = False


async def post(
    sender: Sender, bot: Bot, token: str, text: str, *, thread: str = "", loud: bool = False
) -> Said:
    """Say something, in the thread of a message if one is given; `loud` shows it in the channel, too."""
    match bot.kind:
        case BotKind.SLACK:
            body: dict[str, Any] = {"channel": bot.channel, "text": escaped(bot.kind, text)}
            if thread:
                channel, _, ts = thread.partition(" ")
                body |= {"channel": channel, "thread_ts": ts, "reply_broadcast": loud}
            return await _slack(sender, bot, token, "chat.postMessage", body)
        case BotKind.MATTERMOST:
            body = {"channel_id": bot.channel, "message": escaped(bot.kind, text), "root_id": thread}
            answered = await _ask(sender, "POST", f"{bot.url}/api/v4/posts", token, body)
            return _by_id(answered, token)
        case BotKind.DISCORD:
            answered = await _ask(sender, "POST", f"{_webhook(token)}?wait=true", "", _discord(text))
            return _by_id(answered, token)


async def edit(sender: Sender, bot: Bot, token: str, reference: str, text: str) -> Said:
    """Change what was said."""
    match bot.kind:
        case BotKind.SLACK:
            channel, _, ts = reference.partition(" ")
            body = {"channel": channel, "ts": ts, "text": escaped(bot.kind, text)}
            return await _slack(sender, bot, token, "chat.update", body)
        case BotKind.MATTERMOST:
            url = f"{bot.url}/api/v4/posts/{quote(reference, safe='')}/patch"
            answered = await _ask(sender, "PUT", url, token, {"message": escaped(bot.kind, text)})
            return _by_id(answered, token)
        case BotKind.DISCORD:
            url = f"{_webhook(token)}/messages/{quote(reference, safe='')}"
            return _by_id(await _ask(sender, "PATCH", url, "", _discord(text)), token)


def escaped(kind: BotKind, text: str) -> str:
    """A text that is shown as it is: it calls nobody, and is no link to elsewhere."""
    text = text[: MOST_CHARACTERS[kind]]
    match kind:
        case BotKind.SLACK:
            # https://docs.slack.dev/messaging/formatting-message-text#escaping
            return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        case BotKind.MATTERMOST:
            # A zero-width space: `@channel` would call everybody.
            return text.replace("@", "@\u200b")
        case BotKind.DISCORD:
            return text


def _discord(text: str) -> dict[str, Any]:
    return {"content": escaped(BotKind.DISCORD, text), "allowed_mentions": {"parse": []}}


async def _slack(sender: Sender, bot: Bot, token: str, method: str, body: dict[str, Any]) -> Said:
    answered = await _ask(sender, "POST", f"{bot.url}/{method}", token, body)
    found = _json(answered)
    if answered.is_good and found.get("ok") is True:
        return Said(f"{found.get('channel', '')} {found.get('ts', '')}")
    problem = str(found.get("error") or "") if answered.is_good else ""
    if problem:
        return Said("", f"Slack says {problem}", problem in _GONE)
    return Said("", _problem(answered, token))


def _by_id(answered: Answered, token: str) -> Said:
    found = _json(answered)
    if answered.is_good and isinstance(found.get("id"), str) and found["id"]:
        return Said(found["id"])
    return Said("", _problem(answered, token), answered.status == 404)


async def _ask(sender: Sender, method: str, url: str, token: str, body: dict[str, Any]) -> Answered:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await sender.send(url, json.dumps(body).encode(), headers, method=method)


def _webhook(url: str) -> str:
    return url.strip().partition("?")[0].rstrip("/")


def _json(answered: Answered) -> dict[str, Any]:
    try:
        found = json.loads(answered.text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _problem(answered: Answered, token: str) -> str:
    said = " ".join(answered.text.split())[:300]
    text = f"{answered.status} {said}".strip() if answered.status is not None else said
    return Redactor({token, *re.split(r"[/?&=@:]+", token)} - {""}).text(text)
