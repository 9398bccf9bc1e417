"""Sources of metrics over HTTP, by httpx: Graphite's render API and Prometheus's HTTP API.

Both take questions by POST, so that long queries fit. See
https://graphite.readthedocs.io/en/latest/render_api.html and
https://prometheus.io/docs/prometheus/latest/querying/api/.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import ssl
from collections.abc import Sequence
from typing import Any

import httpx

from shiphorn.adapters.causes import NO_ANSWER, reason
from shiphorn.errors import HostError
from shiphorn.model.measures import Point, Series
from shiphorn.ports import Access

ANSWER_BYTES = 8 * 1024 * 1024
MOST_POINTS = 5_000
"""Points of a series that are asked for; Prometheus gives 11,000 at most."""
MOST_SERIES = 2_000
SAID_LENGTH = 200
MILLISECOND = 0.001
"""What times of answers are rounded to."""
_ACCEPT = {"accept": "application/json", "user-agent": "shiphorn"}


class HttpMeter:
    """Asks as `ports.Meter` says: no proxy, no redirect, so that nobody else is told a password."""

    def __init__(self) -> None:
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def series(
        self,
        access: Access,
        query: str,
        since: float,
        until: float,
        *,
        step_seconds: float,
        timeout_seconds: float,
    ) -> Sequence[Series]:
        """As the port says."""
        step = max(step_seconds, (until - since) / MOST_POINTS)
        is_graphite = access.kind == "graphite"
        if not is_graphite and since + step > until:
            # It would answer with a value of before.
            return []
        path = "/render" if is_graphite else "/api/v1/query_range"
        form = _render(query, since, until) if is_graphite else _range(query, since, until, step)
        try:
            async with asyncio.timeout(timeout_seconds):
                status, body = await self._ask(access, path, form)
        except TimeoutError:
            raise _failure("SH446", access, f"gave no answer within {timeout_seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise _failure("SH446", access, _told(error)) from None
        _require_success(access, status, body)
        try:
            found = json.loads(body)
            read = _of_graphite(found) if is_graphite else _of_prometheus(found)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError):
            raise _failure("SH449", access, "gave an answer that cannot be read") from None
        if len(read) > MOST_SERIES:
            raise _failure(
                "SH449",
                access,
                f"gave {len(read):,} series, {MOST_SERIES:,} are the most",
                "Narrow the query.",
            )
        return [
            Series(tuple(point for point in one if since < point[0] <= until + MILLISECOND)) for one in read
        ]

    async def _ask(self, access: Access, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        headers = dict(access.headers) | _ACCEPT
        if access.authorization:
            headers["authorization"] = access.authorization
        client = self._client(access)
        async with client.stream("POST", access.url + path, data=form, headers=headers) as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > ANSWER_BYTES:
                    raise _failure(
                        "SH449",
                        access,
                        f"gave more than {ANSWER_BYTES // 1024 // 1024} MB",
                        "Narrow the query, or make its step longer.",
                    )
            return answer.status_code, bytes(body)

    def _client(self, access: Access) -> httpx.AsyncClient:
        ca = access.ca
        if ca not in self._clients:
            try:
                context = ssl.create_default_context(cafile=ca or None)
            except OSError as error:
                why = "it has no certificate" if isinstance(error, ssl.SSLError) else error.strerror
                raise _failure("SH446", access, f"cannot be asked: {ca} cannot be read: {why}") from None
            self._clients[ca] = httpx.AsyncClient(
                trust_env=False,
                verify=context,
                # `series` limits the whole.
                timeout=httpx.Timeout(None),
            )
        return self._clients[ca]

    async def close(self) -> None:
        """As the port says."""
        for client in self._clients.values():
            await client.aclose()


def _render(query: str, since: float, until: float) -> dict[str, str]:
    return {
        "target": query,
        # Whole seconds; the first one is left out by Graphite itself.
        "from": str(math.floor(since)),
        "until": str(math.ceil(until)),
        "format": "json",
        "maxDataPoints": str(MOST_POINTS),
        "noCache": "1",
    }


def _range(query: str, since: float, until: float, step: float) -> dict[str, str]:
    # What is asked of an instant looks back from it: the first one is a step after the beginning.
    return {"query": query, "start": f"{since + step:.3f}", "end": f"{until:.3f}", "step": f"{step:.3f}"}


def _of_graphite(found: Any) -> list[list[Point]]:
    read = []
    for one in found:
        points = [(float(at), _value(value)) for value, at in one["datapoints"]]
        # The newest slots are empty until their values have come in: that says nothing.
        while points and math.isnan(points[-1][1]):
            points.pop()
        read.append(points)
    return read


def _of_prometheus(found: Any) -> list[list[Point]]:
    data = found["data"]
    if found["status"] != "success" or data["resultType"] != "matrix":
        raise ValueError(found["status"])
    return [[(float(at), _value(value)) for at, value in one.get("values", ())] for one in data["result"]]


def _value(value: Any) -> float:
    return math.nan if value is None else float(value)


def _require_success(access: Access, status: int, body: bytes) -> None:
    if status in (401, 403):
        raise _failure("SH447", access, f"refused the sign-in ({status})", "See its entry under `sources`.")
    if status in (400, 404, 422):
        said = _said(body)
        raise _failure(
            "SH448", access, f"refused the query ({status}){f': {said}' if said else ''}", "Try it there."
        )
    if not 200 <= status < 300:
        raise _failure("SH446", access, f"answered {status}")


def _said(body: bytes) -> str:
    """What it says is wrong, in one line and not for long; "" for a page made for browsers."""
    text = body[:4096].decode(errors="replace")
    try:
        text = str(json.loads(body)["error"])
    except (ValueError, TypeError, LookupError, RecursionError):
        if "<" in text:
            return ""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())
    return line if len(line) <= SAID_LENGTH else f"{line[: SAID_LENGTH - 4]} ..."


def _told(error: Exception) -> str:
    # What httpx says of a header that is not valid has its value.
    if isinstance(error, (httpx.HTTPError, OSError)) and not isinstance(error, httpx.LocalProtocolError):
        return reason(error, NO_ANSWER)
    return "cannot be asked: its URL, or a header, is not valid"


def _failure(code: str, access: Access, told: str, hint: str = "") -> HostError:
    place = access.url.partition("://")[2].partition("/")[0]
    return HostError(
        code, f"{access.kind} at {place} {told}", hint=hint, facts={"group": f"{access.kind} {told}"}
    )
