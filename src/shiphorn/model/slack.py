"""What Slack sends an app: whether it is from Slack, who says what, and where. Pure.

https://docs.slack.dev/authentication/verifying-requests-from-slack,
https://docs.slack.dev/apis/events-api, https://docs.slack.dev/interactivity/implementing-slash-commands
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shiphorn.model.chat import Shown, Speaker

LATE_SECONDS = 300.0
_ID = re.compile(r"[A-Z0-9]{2,40}")
_LINK = re.compile(r"<(?:https?:|mailto:)[^|>]*\|([^>]*)>|<((?:https?|mailto):[^>]*)>")
_MENTION = re.compile(r"\s*<@[A-Z0-9]+(?:\|[^>]*)?>[:,]?\s*")


class Unreadable(ValueError):
    """It is not of the shape that Slack's documentation gives it."""


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody says. `once` names it; it is answered at `thread` (a `ts`), or at `response_url`."""

    team: str
    user: str
    nick: str
    channel: str
    text: str
    once: str
    thread: str = ""
    response_url: str = ""
    vouched: bool = True
    """Whether the user is of that workspace: a shared channel has users of others."""

    @property
    def private(self) -> bool:
        """Whether nobody else reads it."""
        return self.channel.startswith("D")

    def speaker(self, shown: Shown) -> Speaker:
        """Who speaks."""
        # Accounts are kept in lower case.
        account = self.user.lower() if self.vouched else ""
        channel = "" if self.private else self.channel
        return Speaker(f"slack:{self.team}", account, self.nick, channel, self.private, shown)


def signature(secret: str, at: str, body: bytes) -> str:
    """The signature of a body that Slack sends at some time."""
    signed = b"v0:" + at.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def is_signed(secret: str, given: str, at: str, body: bytes) -> bool:
    """Whether Slack signed this."""
    return hmac.compare_digest(signature(secret, at, body).encode(), given.encode("utf-8", "replace"))


def is_late(at: str, now: float) -> bool:
    """Whether it was not signed just now; so is what names no time."""
    return re.fullmatch(r"\d{1,12}", at) is None or abs(now - int(at)) > LATE_SECONDS


def event_of(body: bytes) -> Message | str | None:
    """What an event says: a message for the app, the challenge that Slack tries a URL with, or None.

    Raises Unreadable.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error
    if not isinstance(found, dict):
        raise Unreadable("it is no object")
    if found.get("type") == "url_verification":
        return _text(found, "challenge")
    event = found.get("event")
    if found.get("type") != "event_callback" or not isinstance(event, dict):
        return None
    for_us = event.get("type") == "app_mention" or (
        event.get("type") == "message" and event.get("channel_type") == "im"
    )
    # What bots say, this one too, and what was changed or removed, is no order.
    if not for_us or event.get("subtype") or event.get("bot_id"):
        return None
    team, user = _id(found, "team_id"), _id(event, "user")
    home = event.get("user_team") or event.get("source_team") or event.get("team") or team
    return Message(
        team,
        user,
        user,
        _id(event, "channel"),
        plain(_text(event, "text")),
        _text(found, "event_id"),
        str(event.get("thread_ts") or event.get("ts") or ""),
        vouched=home == team,
    )


def command_of(body: bytes, given: str) -> Message:
    """What a slash command says. Its signature `given` names it. Raises Unreadable."""
    try:
        fields = {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=100).items()}
    except ValueError as error:
        raise Unreadable("it is no form") from error
    user, text = _id(fields, "user_id"), plain(str(fields.get("text", "")))
    return Message(
        _id(fields, "team_id"),
        user,
        str(fields.get("user_name", user))[:80],
        _id(fields, "channel_id"),
        text or "help",
        given,
        response_url=str(fields.get("response_url", "")),
    )


def may_be_answered_at(url: str, api: str) -> bool:
    """Whether a URL for answers is Slack's."""
    try:
        parts, own = urlsplit(url), urlsplit(api)
        host = parts.hostname or ""
    except ValueError:
        return False
    if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
        return True
    return parts.scheme == "https" and (host == "slack.com" or host.endswith(".slack.com"))


def plain(text: str) -> str:
    """What somebody typed, without what Slack makes of it: mentions of the bot go, links are their text."""
    text = _MENTION.sub(" ", text)
    text = _LINK.sub(lambda match: match[1] if match[1] is not None else match[2], text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return " ".join(text.split())


def _id(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise Unreadable(f"it has no {name}")
    return value


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or len(value) > 40_000:
        raise Unreadable(f"it has no {name}")
    return value
