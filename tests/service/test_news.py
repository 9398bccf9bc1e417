"""News wake whoever waits for them."""

from __future__ import annotations

import asyncio

from shiphorn.service.news import News


async def test_whoever_waits_is_woken_from_another_thread() -> None:
    news = News()
    waiting = [asyncio.create_task(news.wait(30)) for _ in range(2)]
    await asyncio.sleep(0)

    await asyncio.to_thread(news.tell)

    assert await asyncio.gather(*waiting) == [True, True]


async def test_nobody_waits_for_ever() -> None:
    assert await News().wait(0.01) is False
