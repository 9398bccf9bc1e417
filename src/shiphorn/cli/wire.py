"""The API of a service, as the command line calls it: JSON in and out, problems as the errors they were."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

import shiphorn
from shiphorn.errors import ConnectError, Refused, ShiphornError, error_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

API = "/api/v1"
SIGN_IN = "/api/cli"
"""Where command lines sign in; that is no part of the API."""
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 900.0
"""How long an answer may take: a service asks its hosts before it gives some."""
SILENCE_SECONDS = 60.0
"""A stream that says nothing for so long, not even that it lives, is taken for lost."""
_AWAY = frozenset({502, 503, 504})
_UNKNOWN = 401


class Wire:
    """One service and a token for it; "" for the questions of strangers. `at` is where its routes begin."""

    def __init__(self, url: str, token: str = "", at: str = API) -> None:
        self.url = url
        headers = {"user-agent": f"horn/{shiphorn.__version__}", "accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        self._kept: dict[str, Any] = {"base_url": f"{url}{at}", "headers": headers, "timeout": timeout}

    def get(self, path: str, **wanted: Any) -> Any:
        """Ask a question. What is wanted and empty is left out. Raises ShiphornError."""
        parameters = {name: value for name, value in wanted.items() if value not in (None, "", (), [])}
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Give an order. Raises ShiphornError."""
        return self._call("POST", path, json={} if body is None else body, headers=headers)

    def _call(self, method: str, path: str, **more: Any) -> Any:
        with self._explained(), httpx.Client(**self._kept) as client:
            return self._read(client.request(method, path, **more))

    def _read(self, answer: httpx.Response) -> Any:
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        try:
            body = answer.json()
        except ValueError:
            body = None
        if answer.is_success and body is not None:
            return body
        raise problem(self.url, answer.status_code, body)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error


class Talk:
    """A conversation with a service on the running loop: questions and streams over one connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._client = httpx.AsyncClient(**wire._kept)  # noqa: SLF001 - two ways to use one wire

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def get(self, path: str, **wanted: Any) -> Any:
        """Ask a question. Raises ShiphornError, httpx.TransportError."""
        return self._wire._read(await self._client.get(path, params=wanted))  # noqa: SLF001

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """Give an order. Raises ShiphornError, httpx.TransportError."""
        return self._wire._read(await self._client.post(path, json=body, headers=headers))  # noqa: SLF001

    async def stream(self, path: str, last_event: str = "") -> AsyncIterator[tuple[str, str, Any]]:
        """The events that are sent (id, event, data), from after one. Raises as `get`."""
        headers = {"accept": "text/event-stream"} | ({"last-event-id": last_event} if last_event else {})
        timeout = httpx.Timeout(CONNECT_SECONDS, read=SILENCE_SECONDS)
        async with self._client.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if not answer.is_success:
                await answer.aread()
                self._wire._read(answer)  # noqa: SLF001
            fields: dict[str, list[str]] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(":")
                    fields.setdefault(name, []).append(value.removeprefix(" "))
                    continue
                if "data" in fields:
                    number, event = ("".join(fields.get(name, [])[-1:]) for name in ("id", "event"))
                    yield number, event, json.loads("\n".join(fields["data"]))
                fields = {}


def problem(url: str, status: int, body: Any) -> ShiphornError:
    """The error that a service tells of."""
    if isinstance(body, dict) and "code" in body:
        error = error_from_json(
            {
                "code": body["code"],
                "message": body.get("title", ""),
                "hint": body.get("hint", ""),
                "facts": body.get("facts") or {},
            }
        )
        if status == _UNKNOWN:
            return Refused(
                error.code, f"{url} does not know this token.", hint=f"Sign in again: horn login {url}"
            )
        return error
    if status in _AWAY:
        return ConnectError(
            "SH311", f"{url} does not answer for now (HTTP status {status}).", hint="Try again in a while."
        )
    return ConnectError(
        "SH312",
        f"{url} does not answer as a service of shiphorn does (HTTP status {status}).",
        hint="Look at the address, and whether horn has the version of the service.",
    )


def unreachable(url: str, error: httpx.TransportError) -> ConnectError:
    """What is said when there is no connection."""
    said = str(error) or type(error).__name__
    if "CERTIFICATE" in said.upper():
        return ConnectError(
            "SH313",
            f"{url} does not prove who it is: {said}.",
            hint="Where it has an authority of its own: SSL_CERT_FILE=/path/of/ca.pem",
        )
    return ConnectError(
        "SH310",
        f"{url} cannot be reached: {said}.",
        hint="Is it running? To work on this machine instead: --local",
    )


def part(text: str) -> str:
    """A name as a part of a path."""
    return quote(text, safe="")


def made(kind: type[T], body: Any) -> T:
    """The value that was told as JSON. Raises ConnectError SH312 when it is told otherwise."""
    try:
        return TypeAdapter(kind).validate_python(_whole(body))
    except ValidationError as error:
        raise ConnectError(
            "SH312",
            f"the service tells of a {getattr(kind, '__name__', kind)} in another way than this horn knows.",
            hint="Is it of another version? See: horn --version",
            facts={"problems": error.errors(include_url=False, include_input=False)},
        ) from error


def _whole(body: Any) -> Any:
    """With the text of configs, which is not told, as an empty one."""
    if isinstance(body, list):
        return [_whole(one) for one in body]
    if isinstance(body, dict):
        told = {name: _whole(value) for name, value in body.items()}
        return {"config_text": "", **told} if "config_path" in told else told
    return body
