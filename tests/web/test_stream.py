"""Streams that stay open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from shiphorn.web.stream import with_comments


async def test_silence_is_filled_and_no_update_is_lost() -> None:
    go_on = asyncio.Event()

    async def updates() -> AsyncGenerator[int]:
        yield 1
        await go_on.wait()
        yield 2

    found = []
    async for update in with_comments(updates(), 0.01):
        found.append(update)
        if found.count(None) == 3:
            go_on.set()
    assert [update for update in found if update is not None] == [1, 2]
    assert found[1:4] == [None, None, None]


async def test_what_went_wrong_is_raised() -> None:
    async def updates() -> AsyncGenerator[int]:
        yield 1
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        async for _ in with_comments(updates()):
            pass


async def test_who_leaves_ends_the_updates() -> None:
    ended = asyncio.Event()

    async def updates() -> AsyncGenerator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def listen() -> None:
        async for _ in with_comments(updates(), 0.01):
            heard.set()

    heard = asyncio.Event()
    listening = asyncio.create_task(listen())
    await heard.wait()
    listening.cancel()
    await asyncio.wait((listening,))
    await asyncio.wait_for(ended.wait(), 5)
