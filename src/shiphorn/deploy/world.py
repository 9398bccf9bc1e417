"""What a deploy needs from outside, handed in by `wiring`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shiphorn.config.load import Config, RegionSource
from shiphorn.deploy.fleet import Fleet
from shiphorn.ports import ArtifactCache, Checker, EventSink, Gate, Inventory, Meter, Secrets, Source

if TYPE_CHECKING:
    from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class World:
    """The outside of a deploy, but for the engine that runs it."""

    store: Store
    fleet: Fleet
    artifacts: ArtifactCache
    source: Callable[[Config], Source]
    inventory: Callable[[RegionSource], Inventory]
    secrets: Callable[[Config], Secrets]
    checker: Callable[[str], Checker]
    """The door for kinds of checks: whoever looks from the deployer at what has this kind."""
    meter: Callable[[], Meter]
    """The door to sources of metrics."""
    tell: EventSink
    gates: Sequence[Gate] = ()
    """Gates that stand beside the built-in ones (`deploy.gates`)."""

    def apart(self) -> World:
        """The same, with connections of its own to hosts; whoever asks for it closes its `fleet`."""
        return replace(self, fleet=self.fleet.apart())

    @asynccontextmanager
    async def visiting(self) -> AsyncIterator[World]:
        """The same for a while, with connections of its own, which are closed at the end."""
        world = self.apart()
        try:
            yield world
        finally:
            await world.fleet.close()
