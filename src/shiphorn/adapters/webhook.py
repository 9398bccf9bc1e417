"""Outgoing webhooks, by httpx."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from dataclasses import dataclass

import httpx

TIMEOUT_SECONDS = 10.0
ANSWER_BYTES = 2048
SIGNATURE = "X-Shiphorn-Signature"


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a delivery: the status, None when there was no answer, and the answer or the reason."""

    status: int | None
    text: str

    @property
    def is_good(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300


class Sender:
    """Posts straight: no proxy is used, no redirect followed, and an answer is read up to `answer_bytes`."""

    def __init__(self, *, timeout_seconds: float = TIMEOUT_SECONDS, answer_bytes: int = ANSWER_BYTES) -> None:
        self._timeout_seconds = timeout_seconds
        self._answer_bytes = answer_bytes
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            verify=ssl.create_default_context(),
            timeout=httpx.Timeout(None),
            headers={"User-Agent": "shiphorn"},
        )

    async def send(self, url: str, body: bytes, headers: dict[str, str], *, method: str = "POST") -> Answered:
        """Post a body of JSON. Never raises for what is the receiver's doing."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._send(method, url, body, headers | {"Content-Type": "application/json"})
        except TimeoutError:
            return Answered(None, f"no answer within {self._timeout_seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Answered(None, f"no answer: {str(error) or type(error).__name__}")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Answered:
        async with self._client.stream(method, url, content=body, headers=headers) as answer:
            text = bytearray()
            async for chunk in answer.aiter_bytes():
                text += chunk
                if len(text) >= self._answer_bytes:
                    break
            return Answered(answer.status_code, bytes(text[: self._answer_bytes]).decode(errors="replace"))


def signature(secret: str, body: bytes, at: int) -> str:
    """The signature of a body that is sent at some time: `t=1700000000,v1=<hmac-sha256 of "t.body">`."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"
