"""The same work for many at once: bounded, and no failure stops the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from shiphorn.errors import HostError, ShiphornError

T = TypeVar("T")
R = TypeVar("R")

BATCH_SIZE = 200
"""Hosts per durable step: one step a host costs 200 times as much (see docs/decisions)."""


def batches(items: Sequence[object], size: int = BATCH_SIZE) -> list[tuple[int, int]]:
    """(start, end) of the slices that cover `items`."""
    return [(start, min(start + size, len(items))) for start in range(0, len(items), size)]


async def each(
    items: Iterable[T], work: Callable[[T], Awaitable[R]], *, at_once: int
) -> list[R | ShiphornError]:
    """The outcome of `work` for every item, in order: its value, or the expected error it raised.

    A defect met while working for one item is that item's error too, never the end of the others.
    """
    gate = asyncio.Semaphore(at_once)

    async def one(item: T) -> R | ShiphornError:
        async with gate:
            try:
                return await work(item)
            except ShiphornError as error:
                return error
            except Exception as error:  # noqa: BLE001
                return HostError(
                    "SH498",
                    f"{type(error).__name__}: {error}",
                    hint="This is a defect of shiphorn, please report it.",
                )

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]
