"""Streams that stay open: a word now and then, so that nobody on the way takes them for dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

T = TypeVar("T")

SILENCE_SECONDS = 15.0
COMMENT: dict[str, Any] = {"comment": "still here", "data": None}
"""What to send for a None."""


async def with_comments(
    updates: AsyncGenerator[T], every_seconds: float = SILENCE_SECONDS
) -> AsyncIterator[T | None]:
    """The updates, and None whenever there was none for a while. It closes the updates at its end."""
    waiting = asyncio.ensure_future(anext(updates))
    try:
        while True:
            done, _ = await asyncio.wait((waiting,), timeout=every_seconds)
            if not done:
                yield None
                continue
            try:
                update = waiting.result()
            except StopAsyncIteration:
                return
            waiting = asyncio.ensure_future(anext(updates))
            yield update
    finally:
        waiting.cancel()
        await asyncio.wait((waiting,))
        await updates.aclose()
