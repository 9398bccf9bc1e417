"""Slack: what its app is told is verified, taken once, and answered."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shiphorn.adapters.notify_bots import escaped, post
from shiphorn.adapters.secrets import ConfiguredSecrets
from shiphorn.adapters.webhook import Sender
from shiphorn.chat.answering import answer
from shiphorn.config.slack import SlackAppEntry
from shiphorn.errors import ConfigError, NotFound, Refused, Unknown
from shiphorn.model import slack
from shiphorn.model.notices import BotKind
from shiphorn.model.settings import SecretRef
from shiphorn.model.slack import Message
from shiphorn.service.service import Service

ACKNOWLEDGE_SECONDS = 2.0
"""Slack waits for 3 s; what takes longer is answered afterwards."""
KEPT_SECONDS = 86_400.0
"""Slack tries an event again for an hour or so."""
_ANSWER_BYTES = 65_536
_QUIETLY = ("link", "help", "unlink")
"""Commands that are answered to who gives them alone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """What Slack gets at once, and what is left to do then."""

    body: dict[str, Any] = field(default_factory=dict)
    message: Message | None = None
    work: asyncio.Task[str] | None = None


async def take_event(service: Service, name: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Take an event: its answer is said afterwards, by `say`.

    Raises NotFound SH951, Unknown SH952 (no signature of Slack), SH953 (too old), Refused SH955.
    """
    app = await _verified(service, name, headers, body)
    try:
        found = slack.event_of(body)
    except slack.Unreadable as error:
        raise _unreadable(error) from error
    if isinstance(found, str):
        return Reply({"challenge": found})
    if found is None or not await _is_ours(service, app, name, found):
        return Reply()
    return Reply(message=found)


async def take_command(service: Service, name: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Take a slash command. What takes too long is sent afterwards, by `follow`.

    Raises as `take_event`, and Refused SH954 when it came before.
    """
    app = await _verified(service, name, headers, body)
    try:
        found = slack.command_of(body, headers.get("x-slack-signature", ""))
    except slack.Unreadable as error:
        raise _unreadable(error) from error
    if not await _is_ours(service, app, name, found):
        raise Refused("SH954", "this was taken before, or is of a workspace that is not to use it.")
    work = asyncio.ensure_future(answer(service, found.speaker(app.shown), found.text))
    done, _ = await asyncio.wait({work}, timeout=ACKNOWLEDGE_SECONDS)
    if done:
        return Reply(_response(found, work.result()))
    return Reply({"response_type": "ephemeral", "text": "One moment …"}, found, work)


async def say(service: Service, name: str, message: Message) -> None:
    """Answer an event, where it was said."""
    app = _app(service, name)
    text = await answer(service, message.speaker(app.shown), message.text)
    if not text:
        return
    sender = Sender(answer_bytes=_ANSWER_BYTES)
    try:
        token = await _secret(service, app.token)
        thread = "" if message.private or not message.thread else f"{message.channel} {message.thread}"
        said = await post(sender, app.bot(message.channel), token, text, thread=thread)
        if said.problem:
            _log.warning("slack %s: an answer was not taken: %s", name, said.problem)
    except ConfigError as error:
        _log.warning("slack %s: %s %s", name, error.code, error.message)
    finally:
        await sender.close()


async def follow(service: Service, name: str, message: Message, work: asyncio.Task[str]) -> None:
    """Send what a slash command came to in the end."""
    text = await work
    if not slack.may_be_answered_at(message.response_url, _app(service, name).api):
        _log.warning("slack %s: an answer has nowhere to go", name)
        return
    sender = Sender()
    try:
        answered = await sender.send(message.response_url, json.dumps(_response(message, text)).encode(), {})
        if not answered.is_good:
            _log.warning("slack %s: an answer was not taken: %s", name, answered.status)
    finally:
        await sender.close()


def _response(message: Message, text: str) -> dict[str, Any]:
    quietly = message.private or message.text.split(" ")[0].lower() in _QUIETLY
    kind = "ephemeral" if quietly else "in_channel"
    return {"response_type": kind, "text": escaped(BotKind.SLACK, text)}


async def _verified(service: Service, name: str, headers: Mapping[str, str], body: bytes) -> SlackAppEntry:
    app = _app(service, name)
    try:
        secret = await _secret(service, app.signing_secret)
    except ConfigError as error:
        _log.warning("slack %s: %s %s", name, error.code, error.message)
        raise Unknown("SH952", "nobody can tell whether this is from Slack.") from error
    at = headers.get("x-slack-request-timestamp", "")
    if not slack.is_signed(secret, headers.get("x-slack-signature", ""), at, body):
        raise Unknown("SH952", "this is not signed with the signing secret of the app.")
    if slack.is_late(at, time.time()):
        raise Unknown("SH953", "this was signed too long ago, or clocks differ.")
    return app


async def _is_ours(service: Service, app: SlackAppEntry, name: str, message: Message) -> bool:
    """Whether it is of a workspace that may, and was not taken before."""
    if app.teams and message.team not in app.teams:
        return False
    return await asyncio.to_thread(service.store.once.take, f"slack:{name}:{message.once}", time.time())


def _app(service: Service, name: str) -> SlackAppEntry:
    found = service.apps.service.model.chat.slack.get(name)
    if found is None:
        raise NotFound("SH951", "there is no such app of Slack.", hint="shiphorn.yml names them: chat.slack.")
    return found


async def _secret(service: Service, reference: SecretRef) -> str:
    config = service.apps.service
    return await ConfiguredSecrets(config.secrets, config.directory).get(reference.name)


def _unreadable(error: slack.Unreadable) -> Refused:
    return Refused("SH955", f"this is not what Slack sends: {error}.")
