"""News from outside, such as a push or a finished build: whoever waits for them is woken."""

from __future__ import annotations

import asyncio


class News:
    """Wakes those that wait. Any thread may tell; each waiter has a loop of its own.

    It says nothing of what has happened: that is on record, and looked up by whoever is woken.
    """

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def tell(self) -> None:
        """There is something new."""
        for event, loop in list(self._waiting.items()):
            loop.call_soon_threadsafe(event.set)

    async def wait(self, seconds: float) -> bool:
        """Wait until there is something new, for so long at most: whether there was."""
        event = asyncio.Event()
        self._waiting[event] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        else:
            return True
        finally:
            del self._waiting[event]
