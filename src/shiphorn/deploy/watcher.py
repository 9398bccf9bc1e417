"""The watcher: tries the checks of many hosts again and again, until each is decided.

Each host has its own clock, and all looks of it that are due are one exchange; how many hosts are
looked at at once is bounded. What changes is written in batches.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shiphorn.deploy import looks
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.deploy.metrics import Metrics
from shiphorn.model.events import HealthChanged, WatchProgress
from shiphorn.model.health import Check, Health, Outcome, Tried, noticing_restarts

TICK_SECONDS = 0.5
"""How often what changed is written and told, and whether to go on is asked."""


@dataclass(slots=True)
class Watched:
    """One check of one host. `last` is the last try of it, `due` when the next one is, in Unix seconds.

    Of a check that judges all hosts `together` the target is any of them.
    """

    target: Target
    check: Check
    health: Health
    last: Tried | None = None
    due: float = 0.0

    @property
    def given_up(self) -> bool:
        """Whether the deploy goes on without the host."""
        return self.target.failed and not self.check.together


class Watcher:
    """Runs one watch. `until` is the end of the bake time, `metrics` looks at numbers.

    `on_change` is called when a check comes to an outcome, `enough` says to end early. With `reverted`
    hosts are watched on what they ran before the deploy, and the record is left alone.
    """

    def __init__(
        self,
        deployment: Deployment,
        watched: Sequence[Watched],
        *,
        until: float,
        metrics: Metrics | None = None,
        on_change: Callable[[Watched, Tried], None] = lambda _one, _tried: None,
        enough: Callable[[], bool] = lambda: False,
        reverted: bool = False,
    ) -> None:
        self.watched = watched
        self._deployment = deployment
        self._until = until
        self._metrics = metrics
        self._on_change = on_change
        self._enough = enough
        self._reverted = reverted
        self._gate = asyncio.Semaphore(deployment.at_once)
        self._changed: dict[tuple[str, int], Watched] = {}
        self._told: tuple[dict[str, int], dict[str, int]] | None = None

    async def run(self) -> None:
        """Watch to the end: the bake time is over and all is decided, or it is enough."""
        hosts: dict[str, list[Watched]] = {}
        for one in self.watched:
            hosts.setdefault(one.health.host, []).append(one)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(self._all(list(hosts.values())))
            while not working.done():
                self._tell()
                await asyncio.wait({working}, timeout=TICK_SECONDS)
                self._save()
                if self._enough() and not working.done():
                    working.cancel()
        self._tell()

    async def _all(self, hosts: Sequence[list[Watched]]) -> None:
        async with asyncio.TaskGroup() as group:
            for one in hosts:
                group.create_task(self._host(one))
            await asyncio.sleep(max(0.0, self._until - time.time()))

    async def _host(self, watched: Sequence[Watched]) -> None:
        while going := [one for one in watched if self._goes_on(one)]:
            first = min(one.due for one in going)
            await asyncio.sleep(max(0.0, first - time.time()))
            async with self._gate:
                # A timer of uvloop may be up to a millisecond early.
                began = max(first, time.time())
                due = [one for one in going if one.due <= began]
                found = await looks.all_of(
                    self._deployment,
                    due[0].target,
                    [one.check for one in due],
                    self._runs(due[0].target),
                    self._metrics,
                    began,
                )
            for one, tried in zip(due, found, strict=True):
                self._take(one, tried, began)

    def _goes_on(self, one: Watched) -> bool:
        return one.health.outcome == Outcome.WATCHING and not self._given_up(one)

    def _given_up(self, one: Watched) -> bool:
        """Whether nothing more is asked of a host. One that was switched back failed before that."""
        return one.given_up and not self._reverted

    def _runs(self, target: Target) -> tuple[str, str]:
        if self._reverted:
            return target.run.previous, target.run.previous_sha
        return self._deployment.record.release, self._deployment.record.sha

    def _take(self, one: Watched, tried: Tried, began: float) -> None:
        tried = noticing_restarts(one.check, one.health.mark, tried)
        one.last = tried
        one.health = one.health.after(one.check, tried, baked=began >= self._until, at=time.time())
        one.due = began + one.check.interval_seconds
        if began < self._until < one.due:
            # The end of the bake time has a try of its own.
            one.due = self._until
        self._changed[one.health.host, one.check.position] = one
        if one.health.outcome != Outcome.WATCHING:
            self._tell_change(one)
            self._on_change(one, tried)

    def _tell_change(self, one: Watched) -> None:
        health = one.health
        event = HealthChanged(
            self._deployment.id,
            health.seen_at,
            health.host,
            "" if one.check.together else one.target.host.region,
            health.name,
            health.outcome,
            health.message,
        )
        # As of hosts that fare well: thousands of them are in the table, and not events on record.
        passes_by = health.outcome == Outcome.HEALTHY and not one.check.together
        tell = self._deployment.world.tell if passes_by else self._deployment.tell
        tell(event)

    def _save(self) -> None:
        changed, self._changed = list(self._changed.values()), {}
        if changed and not self._reverted:
            self._deployment.keep_health(one.health for one in changed)
            targets = {one.target.host.name: one.target for one in changed}
            self._deployment.save(list(targets.values()))
            self._deployment.world.store.measured.save(
                self._deployment.id,
                [
                    (one.health.host, one.health.position, one.last.measured)
                    for one in changed
                    if one.last is not None and one.last.measured is not None
                ],
            )

    def _tell(self) -> None:
        regions: dict[str, dict[str, bool]] = {}
        for one in self.watched:
            if one.check.together:
                continue
            host, region = one.target.host.name, regions.setdefault(one.target.host.region, {})
            well = not self._given_up(one) and one.health.is_well(one.check)
            region[host] = region.get(host, True) and well
        counts = (
            {region: len(found) for region, found in regions.items()},
            {region: sum(found.values()) for region, found in regions.items()},
        )
        if counts != self._told:
            self._told = counts
            self._deployment.tell(WatchProgress(self._deployment.id, time.time(), *counts, self._until))
