"""The horn, where somebody sits in front of a terminal while a deploy goes out."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def sounding(*, wanted: bool) -> AsyncIterator[None]:
    """Sound it meanwhile, if this machine can; it is heard to its end unless something goes wrong."""
    if not wanted or not sys.stdout.isatty():
        yield
        return
    import asyncio  # noqa: PLC0415

    horn = asyncio.create_task(_sound())
    try:
        yield
    except BaseException:
        horn.cancel()
        raise
    await horn


async def _sound() -> None:
    import asyncio  # noqa: PLC0415

    from shiphorn.adapters.sound import horn_wave, play  # noqa: PLC0415

    await play(await asyncio.to_thread(horn_wave))
