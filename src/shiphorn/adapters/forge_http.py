"""What all forges have in common: JSON over HTTPS by httpx, ETags, and limits of how often one may ask."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from shiphorn.adapters.causes import reason
from shiphorn.errors import SourceError
from shiphorn.model.forge import SHA, Forge
from shiphorn.model.statuses import BuildState, CommitStatus

TIMEOUT_SECONDS = 15.0
ANSWER_BYTES = 8 * 1024 * 1024
KEPT_ANSWERS = 2000
"""So many answers are kept with their ETags: a forge that has nothing new says so in a few bytes."""
PAGE = 100
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 3600.0
USUAL_PAUSE_SECONDS = 60.0
CONTEXT_CHARACTERS, TEXT_CHARACTERS, URL_CHARACTERS = 200, 500, 2000

Token = Callable[[], Awaitable[str]]


class ForgeClient:
    """Asks a forge. `scheme` is how its token is sent: `Bearer`, or `token`; "" of a token is for none.

    A redirect is followed for questions alone, and never with the token to another host.
    """

    def __init__(self, forge: Forge, token: Token, scheme: str = "Bearer") -> None:
        self.forge = forge
        self._token = token
        self._scheme = scheme
        self._kept: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._client = httpx.AsyncClient(
            # The certificates that this machine trusts, and its proxies.
            verify=ssl.create_default_context(),
            timeout=httpx.Timeout(None),
            headers={"User-Agent": "shiphorn", "Accept": "application/json"},
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
            max_redirects=3,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, **query: str | int) -> Any:
        """What stands at a path of the API. Raises SourceError SH225 to SH229."""
        url = str(httpx.URL(f"{self.forge.api}{path}").copy_merge_params(query))
        etag, kept = self._kept.get(url, ("", None))
        answer, body = await self._send("GET", url, headers={"If-None-Match": etag} if etag else {})
        if answer.status_code == httpx.codes.NOT_MODIFIED and etag:
            self._kept.move_to_end(url)
            return kept
        found = self._read(answer, body)
        if answer.headers.get("etag"):
            self._kept[url] = (answer.headers["etag"], found)
            if len(self._kept) > KEPT_ANSWERS:
                self._kept.popitem(last=False)
        return found

    async def put(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Tell it something, by POST or PUT: its answer. Raises as `get`."""
        answer, given = await self._send(method, f"{self.forge.api}{path}", json=dict(body))
        return self._read(answer, given)

    async def _send(self, method: str, url: str, **more: Any) -> tuple[httpx.Response, bytes]:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                token = await self._token()
                headers = dict(more.pop("headers", {}))
                if token:
                    headers["Authorization"] = f"{self._scheme} {token}"
                request = self._client.build_request(method, url, headers=headers, **more)
                answer = await self._client.send(request, stream=True, follow_redirects=method == "GET")
                try:
                    body = bytearray()
                    async for chunk in answer.aiter_bytes():
                        body += chunk
                        if len(body) > ANSWER_BYTES:
                            raise self._error("SH229", f"answers with more than {ANSWER_BYTES >> 20} MB")
                    return answer, bytes(body)
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise self._error("SH225", f"did not answer within {TIMEOUT_SECONDS:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise self._error("SH225", f"does not answer: {reason(error)}") from None

    def _read(self, answer: httpx.Response, body: bytes) -> Any:
        status = answer.status_code
        paused = pause_asked(answer.headers, time.time())
        if status == 429 or (status == 403 and paused is not None):
            seconds = USUAL_PAUSE_SECONDS if paused is None else paused
            error = self._error("SH227", f"wants to be left alone for {seconds:.0f} s")
            error.facts["pause_seconds"] = seconds
            raise error
        if status in (401, 403):
            error = self._error("SH226", f"does not let us ({status}): {_said(body)}")
            error.hint = "Is its token in force, and may it do that?"
            error.facts["status"] = status
            raise error
        if status == 404:
            error = self._error("SH228", f"has nothing at {answer.request.url.path}")
            error.hint = "Is the repository there, and may its token see it?"
            raise error
        if not 200 <= status < 300:
            code = "SH225" if status >= 500 else "SH229"
            raise self._error(code, f"answered {status}: {_said(body)}")
        if not body:
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise self._error("SH229", "did not answer with JSON") from None

    def _error(self, code: str, what: str) -> SourceError:
        return SourceError(code, f"the forge {self.forge.name} {what}.")

    def strange(self, what: str) -> SourceError:
        """The error of an answer that is not as its documentation says."""
        return self._error("SH229", f"answers in a way that is not understood: {what}")


def pause_asked(headers: Mapping[str, str], now: float) -> float | None:
    """How long a forge wants to be left alone, in seconds; None when it does not say so.

    GitHub says it by `Retry-After`, or by `X-RateLimit-Remaining: 0` and when that ends; GitLab the same
    without the `X-`.
    """
    after = headers.get("retry-after", "")
    seconds: float | None = None
    if after.isdecimal():
        seconds = float(after[:9])
    elif after:
        try:
            seconds = parsedate_to_datetime(after).timestamp() - now
        except (ValueError, TypeError):
            seconds = None
    for prefix in ("x-ratelimit-", "ratelimit-"):
        reset = headers.get(f"{prefix}reset", "")
        if seconds is None and headers.get(f"{prefix}remaining") == "0" and reset.isdecimal():
            seconds = float(reset[:12]) - now
    if seconds is None:
        return None
    return min(max(seconds, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)


def status(sha: Any, context: Any, state: BuildState, *, said: Any = "", url: Any = "", at: float) -> Any:
    """A status out of what a forge said, None when it is of no commit or has no name."""
    if not isinstance(sha, str) or SHA.fullmatch(sha.lower()) is None:
        return None
    name = plain(context, CONTEXT_CHARACTERS)
    if not name:
        return None
    return CommitStatus(
        sha.lower(), "", "", name, state, plain(said, TEXT_CHARACTERS), page(url), min(at, time.time())
    )


def those(found: Iterable[Any]) -> tuple[CommitStatus, ...]:
    """The statuses among them."""
    return tuple(one for one in found if isinstance(one, CommitStatus))


def plain(text: Any, characters: int) -> str:
    """Text that may be shown: one line, without control characters; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    return "".join(sign if sign.isprintable() else " " for sign in text[: 4 * characters]).strip()[
        :characters
    ]


def page(url: Any) -> str:
    """An address that may be linked to: http or https, else ""."""
    good = isinstance(url, str) and url.startswith(("https://", "http://")) and len(url) <= URL_CHARACTERS
    return url if good and url.isprintable() and " " not in url else ""


def moment(text: Any, otherwise: float) -> float:
    """Unix seconds out of what forges write: ISO 8601, or GitLab's `2016-08-12 15:23:28 UTC`."""
    if not isinstance(text, str):
        return otherwise
    try:
        found = datetime.fromisoformat(text.replace(" UTC", "+00:00").strip())
    except ValueError:
        return otherwise
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return otherwise


def part(value: Any, *names: str) -> Any:
    """What stands at the end of a path of keys; None where there is no such thing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Any, *names: str) -> str:
    """The same, if it is a text, else ""."""
    found = part(value, *names)
    return found if isinstance(found, str) else ""


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _said(body: bytes) -> str:
    """What a forge said was wrong, in its words."""
    try:
        found = json.loads(body[:4096])
    except (ValueError, RecursionError):
        return plain(body[:200].decode(errors="replace"), 200) or "no reason given"
    said = part(found, "message") or part(found, "error_description") or part(found, "error")
    return plain(said if isinstance(said, str) else json.dumps(said), 200) or "no reason given"
