"""The same work for many at once."""

from __future__ import annotations

import asyncio

from shiphorn.engine.fanout import batches, each
from shiphorn.errors import ConnectError, ShiphornError


async def test_outcomes_keep_their_order_and_no_failure_stops_the_others() -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0.01 if number == 0 else 0)
        if number == 1:
            raise ConnectError("SH301", "unreachable")
        if number == 2:
            raise ZeroDivisionError("a defect")
        return number

    first, refused, defect, last = await each(range(4), work, at_once=4)
    assert (first, last) == (0, 3)
    assert isinstance(refused, ConnectError)
    assert isinstance(defect, ShiphornError)
    assert (defect.code, defect.message) == ("SH498", "ZeroDivisionError: a defect")


async def test_no_more_at_once_than_allowed() -> None:
    now = most = 0

    async def work(_: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    await each(range(50), work, at_once=7)
    assert most == 7


def test_batches_cover_everything_once() -> None:
    assert batches(range(401), 200) == [(0, 200), (200, 400), (400, 401)]
    assert batches([]) == []
