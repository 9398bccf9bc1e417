"""HTTP checks from the deployer, by httpx."""

from __future__ import annotations

import asyncio
import ssl
import time

import httpx

from shiphorn.adapters.causes import NO_ANSWER, reason
from shiphorn.model.health import Check, Tried, Verdict, judge_answer, too_late

BODY_BYTES = 512 * 1024


class HttpChecker:
    """Asks as `ports.Checker` says. Straight: no proxy is used, no redirect followed, no connection kept.

    A proxy could answer from its cache, and a kept connection would not show that nobody listens any more.
    """

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(
            trust_env=False,
            # The certificates that this machine trusts, by OpenSSL's own rules.
            verify=ssl.create_default_context(),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            # `attempt` limits the whole, httpx could only do so for each part.
            timeout=httpx.Timeout(None),
            headers={"User-Agent": "shiphorn"},
        )

    async def attempt(self, check: Check) -> Tried:
        """As the port says."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(check.timeout_seconds):
                status, body = await self._ask(check)
        except TimeoutError:
            return too_late(check)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Tried(Verdict.FAIL, reason(error, NO_ANSWER), time.monotonic() - began)
        return judge_answer(check, status, body, time.monotonic() - began)

    async def _ask(self, check: Check) -> tuple[int, str]:
        async with self._client.stream("GET", check.what, headers=check.headers) as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) >= BODY_BYTES or not check.body:
                    break
            return answer.status_code, bytes(body[:BODY_BYTES]).decode(errors="replace")

    async def close(self) -> None:
        """As the port says."""
        await self._client.aclose()
