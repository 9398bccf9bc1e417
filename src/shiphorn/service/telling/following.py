"""Followers of events: each hears of every event, later when it could not be told, and loses none."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from shiphorn.model.notices import Standing
from shiphorn.model.webhooks import Happened
from shiphorn.store.notified import AT_ONCE
from shiphorn.store.store import Store

CLAIM_SECONDS = 120.0
"""Whoever has not told by then what came of it has died."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 600.0

_log = logging.getLogger(__name__)

NOTHING = "nothing"
"""What a hand says that had nothing to hand over: no word on how the other side fares."""
Hand = Callable[[Sequence[Happened]], Awaitable[str]]
"""Hands events over: "" when all were taken, NOTHING, else why not."""


class Following:
    """The followers of one kind. Their rows begin with `prefix`, which ends in `:`.

    Several processes may work on a database: one at a time tells a follower. It is told again of what a
    process had handed over when it died, so that hearing something twice has to do no harm.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._names: list[str] | None = None
        self._ending = False

    async def keep(self, names: Iterable[str]) -> None:
        """Have these followers and no others; one that is new hears of what happens from now on."""
        wanted = [f"{self._prefix}{name}" for name in names]
        if wanted != self._names:
            await asyncio.to_thread(self._store.notified.keep, wanted, self._prefix)
            self._names = wanted

    async def hand(self, name: str, kinds: Sequence[str], to: Hand, *, at_once: int = AT_ONCE) -> int:
        """Tell a follower what it has not heard of these kinds, if it may be told now: how many events.

        It is told of `at_once` events together: it takes all of them, or hears of all of them again.
        """
        notified = self._store.notified
        standing, events = await asyncio.to_thread(self._waiting, name, kinds)
        if standing is None or not events:
            return 0
        until = time.time() + CLAIM_SECONDS
        if not await asyncio.to_thread(notified.claim, standing, until):
            return 0
        parts = [events[start : start + at_once] for start in range(0, len(events), at_once)]
        problem = await self._whole(self._handed(standing, parts, to))
        return 0 if _is_bad(problem) else len(events)

    async def now_and_then(self, name: str, every_seconds: float, to: Callable[[], Awaitable[str]]) -> None:
        """Have something done, by one process at a time, once `every_seconds`."""
        notified = self._store.notified
        found = (await asyncio.to_thread(notified.listed)).get(f"{self._prefix}{name}")
        now = time.time()
        if found is None or found.free_at > now:
            return
        if await asyncio.to_thread(notified.claim, found, now + max(every_seconds, FIRST_PAUSE_SECONDS)):
            problem = await self._whole(to())
            await asyncio.to_thread(self._noted, found, problem)

    async def _handed(self, standing: Standing, parts: Sequence[Sequence[Happened]], to: Hand) -> str:
        notified, said = self._store.notified, NOTHING
        for part in parts:
            if self._ending:
                break
            came = await self._taken(standing.name, part, to)
            said = said if came == NOTHING else came
            if _is_bad(came):
                break
        await asyncio.to_thread(self._noted, standing, said)
        free_at = time.time() + (pause(standing.failures + 1) if _is_bad(said) else 0.0)
        await asyncio.to_thread(notified.free, standing.name, free_at)
        return said

    async def _taken(self, name: str, events: Sequence[Happened], to: Hand) -> str:
        try:
            problem = await to(events)
        except Exception as error:  # noqa: BLE001 - a defect keeps no other follower waiting
            _log.exception("%s: a defect", name)
            return f"a defect of shiphorn: {type(error).__name__}"
        if not _is_bad(problem):
            numbers = {event.id for event in events}
            await asyncio.to_thread(self._store.notified.look_on, name, numbers)
        return problem

    def _waiting(self, name: str, kinds: Sequence[str]) -> tuple[Standing | None, list[Happened]]:
        found = self._store.notified.listed().get(f"{self._prefix}{name}")
        if found is None or found.free_at > time.time():
            return None, []
        return found, self._store.notified.unseen(found, kinds)

    def _noted(self, standing: Standing, said: str) -> None:
        now = time.time()
        if _is_bad(said):
            self._store.notified.refused(standing.name, standing.failures + 1, said, now)
            _log.warning("%s: %s", standing.name, said)
        elif not said:
            self._store.notified.took(standing.name, now)

    async def _whole(self, work: Awaitable[str]) -> str:
        """Do it to its end, even when this is cancelled meanwhile: what went out is written down."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._ending = True
            await task
            raise


def pause(failures: int) -> float:
    """How long a follower is left alone that has failed for so many times in a row, in seconds."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE_SECONDS)


def _is_bad(said: str) -> bool:
    return said not in ("", NOTHING)


def standing_of(standings: Mapping[str, Standing], *names: str) -> Standing:
    """How several rows stand as one: when one of them was told last, and what is wrong with one of them."""
    found = [standings[name] for name in names if name in standings]
    if not found:
        return Standing(names[0], 0, 0)
    wrong = [one for one in found if one.failed_at is not None and one.failed_at >= (one.told_at or 0.0)]
    told = [one.told_at for one in found if one.told_at is not None]
    worst = max(wrong, key=lambda one: one.failed_at or 0.0, default=None)
    return Standing(
        found[0].name,
        found[0].began,
        found[0].seen,
        failures=worst.failures if worst else 0,
        told_at=max(told, default=None),
        failed_at=worst.failed_at if worst else None,
        problem=worst.problem if worst else "",
    )
