"""Webhooks of forges and builds: believed or not, taken once, and given to those who act on them."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

from shiphorn.adapters.forge_http import plain
from shiphorn.adapters.hook_messages import read
from shiphorn.adapters.hook_signatures import Verified, verify
from shiphorn.config.load import Config
from shiphorn.errors import ConfigError, Refused, ShiphornError
from shiphorn.model.forge import Forge, Message
from shiphorn.model.statuses import CommitStatus
from shiphorn.service.builds.incoming import Taken, Wanted
from shiphorn.service.builds.repositories import keys_of, named, of_forge
from shiphorn.service.service import Service
from shiphorn.store.received import FAILED, IGNORED, TAKEN

MOST_BYTES = 1_000_000
AT_ONCE = 4
_NAME_CHARACTERS, _ONCE_CHARACTERS = 100, 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a sender is answered. `code` is of an error, "" when it was taken or ignored."""

    status: int
    outcome: str
    reason: str
    code: str = ""
    retry_after_seconds: int = 0


@dataclass(frozen=True, slots=True)
class _Came:
    """A webhook as it came, and how it is written down."""

    nonce: str
    sender: str
    kind: str
    delivery: str
    address: str
    at: float
    size: int

    def columns(self) -> dict[str, Any]:
        """All of it but the nonce, as the log has it."""
        names = ("sender", "kind", "delivery", "address", "at", "size")
        return {name: getattr(self, name) for name in names}


async def receive(
    service: Service, name: str, headers: Mapping[str, str], body: bytes, address: str
) -> Answered:
    """Take a webhook in, or say why not. `headers` have small names; `body` is as it came."""
    config, now = service.apps.service, time.time()
    forge = next((one for one in config.forges if one.name == name), None)
    if forge is None:
        return _too_often(service, address) or Answered(
            404, "refused", f"there is no forge {plain(name, 100)}.", "SH910"
        )
    if not forge.secrets:
        said = f"no webhook secret is set for the forge {name}: nothing is taken."
        return _too_often(service, address) or Answered(403, "refused", said, "SH911")
    try:
        known = await service.incoming.keys.all(config, forge.secrets)
    except ConfigError as error:
        _log.warning("forge %s: %s", name, error)
        return Answered(503, "failed", "its webhook secret cannot be read; see the log.", "SH912", 60)
    verified = verify(forge.kind, headers, body, known, now)
    came = _Came(
        secrets.token_hex(16),
        name,
        plain(verified.kind, _NAME_CHARACTERS),
        plain(verified.delivery, _NAME_CHARACTERS),
        address,
        now,
        len(body),
    )
    if verified.problem:
        return _too_often(service, address) or await _refuse(
            service, came, Answered(401, "refused", f"{verified.problem}.", "SH913")
        )
    return await _believed(service, forge, verified, came, _text(headers, body))


async def refuse_size(service: Service, name: str, size: int, address: str) -> Answered:
    """Answer somebody who sends more than is taken. It is not read; only a known forge's is written down."""
    answer = Answered(413, "refused", f"it is larger than {MOST_BYTES // 1_000_000} MB.", "SH914")
    limited = _too_often(service, address)
    if limited is not None or all(one.name != name for one in service.apps.service.forges):
        return limited or answer
    came = _Came(secrets.token_hex(16), name, "", "", address, time.time(), min(size, 2**31 - 1))
    return await _refuse(service, came, answer)


class Receiver:
    """Acts on what was taken in: mirrors are refreshed, and those who listen are told.

    What concerns one repository is done in its order.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._locks: dict[str, asyncio.Lock] = {}
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def work(self) -> None:
        """Act on what comes, until cancelled."""
        waiting = self._service.incoming.waiting
        async with asyncio.TaskGroup() as group:
            while True:
                taken = await waiting.get()
                lock = self._locks.setdefault(taken.repository, asyncio.Lock())
                await self._limit.acquire()
                group.create_task(self._act(taken, lock))

    async def _act(self, taken: Taken, lock: asyncio.Lock) -> None:
        try:
            async with lock:
                await self._do(taken)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next is acted on
            _log.exception("forge %s: what it told could not be acted on", taken.forge.name)
            said = str(error) if isinstance(error, ShiphornError) else f"a defect: {type(error).__name__}"
            await asyncio.to_thread(self._service.store.received.end, taken.nonce, FAILED, said)
        finally:
            self._limit.release()

    async def _do(self, taken: Taken) -> None:
        service, message, forge = self._service, taken.message, taken.forge
        configs = of_forge(service.apps, forge).get(taken.repository, [])
        for config in configs[:1]:
            # All apps of a repository have the same mirror.
            await self._fetch(config, taken)
        if message.push is not None:
            push = replace(message.push, forge=forge.name, repository=taken.repository)
            await service.heard.pushed(push)
        if message.pull_request is not None:
            pull = replace(message.pull_request, forge=forge.name, repository=taken.repository)
            await service.heard.pull_request(pull)
        service.news.tell()

    async def _fetch(self, config: Config, taken: Taken) -> None:
        """Bring the mirror up to date, unless it has the commits whose builds were told of."""
        service, message = self._service, taken.message
        source = service.world.source(config)
        lacks = [one.sha for one in message.statuses if not await source.has(one.sha)]
        if message.push is None and message.pull_request is None and not lacks:
            return
        history = await service.histories.fetch(service.world, config)
        if history.trouble:
            _log.warning("forge %s: %s", taken.forge.name, history.trouble)
        await service.heard.fetched(taken.repository)


async def _believed(
    service: Service, forge: Forge, verified: Verified, came: _Came, text: str | bytes
) -> Answered:
    """What is from whom it says: taken once, if it can be read."""
    received = service.store.received
    body = _read(text)
    if body is None:
        return await _refuse(service, came, Answered(400, "refused", "it is not a JSON object.", "SH915"))
    if not await asyncio.to_thread(
        received.take, came.nonce, verified.delivery[:_ONCE_CHARACTERS], verified.digest, **came.columns()
    ):
        said = "it was taken before: nothing is done again."
        return await _refuse(service, came, Answered(409, "refused", said, "SH916"))
    try:
        message = read(forge.kind, verified.kind, body, came.at)
        outcome, reason = await _take(service, forge, message, came.nonce)
    except Exception:
        # Whoever sends it again is not to be told that it was taken.
        await asyncio.to_thread(received.end, came.nonce, FAILED, "a defect; see the log")
        raise
    await asyncio.to_thread(received.end, came.nonce, outcome, reason)
    status = 503 if outcome == FAILED else 202
    return Answered(status, outcome, reason, "SH917" if outcome == FAILED else "", 30 * (outcome == FAILED))


async def _take(service: Service, forge: Forge, message: Message, nonce: str) -> tuple[str, str]:
    """Put on record what a message says, and have the rest be acted on: the outcome, and a reason."""
    if message.ignored:
        return IGNORED, f"{message.ignored}."
    if not forge.may_speak_of(message.path):
        return IGNORED, f"the forge {forge.name} may not speak of {message.path or 'no repository'}."
    keys = keys_of(service.apps, forge, message.path)
    if not message.path and not forge.kind.has_repositories:
        # It may speak of everything, and its word counts for the commit wherever that is.
        keys = [""]
    if not keys:
        return IGNORED, f"no app has the repository {message.path or 'that is meant'}."
    said: list[CommitStatus] = [one for key in keys for one in named(message.statuses, forge.name, key)]
    changed = await asyncio.to_thread(service.store.statuses.put, said) if said else []
    if changed:
        service.news.tell()
    if not _pass_on(service, forge, message, keys, nonce):
        return FAILED, "too much waits to be acted on."
    return TAKEN, _told(message, changed)


def _pass_on(service: Service, forge: Forge, message: Message, keys: list[str], nonce: str) -> bool:
    """Have what is not done yet be done soon; False when too much waits."""
    incoming = service.incoming
    for key in keys if forge.is_asked else ():
        for sha in message.ask:
            incoming.ask(Wanted(forge.name, key, forge.path_of(key), sha))
    if message.push is None and message.pull_request is None:
        # Should too much wait, the mirror is brought up to date a little later, as without any webhook.
        with suppress(asyncio.QueueFull):
            for key in keys if message.statuses else ():
                incoming.waiting.put_nowait(Taken(forge, message, key, nonce))
        return True
    try:
        for key in keys:
            incoming.waiting.put_nowait(Taken(forge, message, key, nonce))
    except asyncio.QueueFull:
        return False
    return True


def _told(message: Message, changed: list[CommitStatus]) -> str:
    """What came of a message, for the log."""
    if message.push is not None:
        return f"{message.push.branch} is at {message.push.sha[:8] or 'nothing'} now"
    if message.pull_request is not None:
        pull = message.pull_request
        return f"pull request {pull.number} of {pull.branch} is {pull.state}"
    if not message.statuses:
        return f"it is asked about {message.ask[0][:8]}"
    if not changed:
        return "nothing new"
    words = [f"{one.context} of {one.sha[:8]}: {one.state}" for one in changed[:3]]
    return ", ".join(words) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")


def _too_often(service: Service, address: str) -> Answered | None:
    """Count a refusal: from too many it is known what they are, without a look or a line in the log."""
    try:
        service.incoming.failures.ask(address, time.monotonic())
    except Refused as error:
        seconds = int(error.facts["retry_after_seconds"])
        return Answered(429, "refused", "too many refused webhooks from this address.", "SH918", seconds)
    return None


async def _refuse(service: Service, came: _Came, answer: Answered) -> Answered:
    await asyncio.to_thread(service.store.received.refuse, came.nonce, answer.reason, **came.columns())
    return answer


def _text(headers: Mapping[str, str], body: bytes) -> str | bytes:
    """The JSON of a body: GitHub and Gitea send it as a form unless they are told otherwise."""
    if headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return body
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=10)
    except ValueError:
        return ""
    return next(iter(fields.get("payload", [])), "")


def _read(text: str | bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
