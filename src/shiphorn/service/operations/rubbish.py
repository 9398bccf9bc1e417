"""Python's collection of what nobody needs any more, in portions that nobody notices.

A service remembers much: hosts, commits, configs. To look through all of it takes half a second, in which
every page waits; Python does so whenever much was made and kept. Here what was there before is set aside,
and only what is new is looked through, once a minute; all of it is once in a while.
"""

from __future__ import annotations

import asyncio
import gc

PORTION_SECONDS = 60.0
FIRST_SECONDS = 5.0
PORTIONS_A_ROUND = 240
"""After so many portions, four hours, what was set aside is looked through as well."""
THRESHOLDS = (10_000, 20, 1_000)
"""Of the young ones as often as Python does, more or less; of the old ones practically never by itself."""


def portion() -> None:
    """Look through what is new, and set aside what is left of it."""
    gc.collect()
    gc.freeze()


def round_of_all() -> None:
    """Look through everything."""
    gc.unfreeze()
    portion()


async def collect() -> None:
    """Do so from now on."""
    gc.set_threshold(*THRESHOLDS)
    await asyncio.sleep(FIRST_SECONDS)
    while True:
        for _ in range(PORTIONS_A_ROUND):
            portion()
            await asyncio.sleep(PORTION_SECONDS)
        round_of_all()
