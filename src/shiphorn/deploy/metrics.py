"""Metrics: looks of a watch at numbers, of one host or of all that have switched.

What is asked lies between the switch and the look, so that a look needs nothing from those before it: a
watch that was cut off goes on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from shiphorn.config.queries import chosen, queries
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.model.comparing import Side, compared, count, level, within_limits
from shiphorn.model.deploy import Phase
from shiphorn.model.events import PhaseStarted, event_from_json
from shiphorn.model.health import Check, Tried, Verdict
from shiphorn.model.measures import Against, Metric, Of, Sample, sample

_SETTLES = Tried(Verdict.UNCLEAR, "has no points yet", cause="has too few points")
_Key = tuple[int, str, Metric]


class Metrics:
    """Looks of one watch: `since` is the switch, `until` the end of the bake time, in Unix seconds."""

    def __init__(self, deployment: Deployment, since: float, until: float) -> None:
        self._deployment = deployment
        self._since = since
        self._until = until
        self._controls: dict[tuple[_Key, int], Sample] = {}
        self._locks: defaultdict[_Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def look(self, target: Target, check: Check, metric: Metric, at: float) -> Tried:
        """What a metric says at a moment. `target` is the host, or any of those that are judged together.

        Raises ConfigError SH130, SH192, SH193, HostError SH446 to SH449.
        """
        switched, others = self._sides[_key(check, metric)]
        hosts = [target] if metric.of == Of.HOST else switched
        begins = self._since + metric.settle_seconds
        if not metric.compares:
            begins = max(begins, at - metric.window_seconds)
        if begins >= at:
            return _SETTLES
        if not metric.compares:
            return await self._limited(check, metric, hosts, (begins, at))
        asked = self._sample(check, metric, hosts, (begins, at))
        if metric.against == Against.CONTROL and others:
            found, control = await asyncio.gather(asked, self._control(check, metric, others, (begins, at)))
            against, other = (
                Against.CONTROL,
                Side(control, f"on {count(len(others), 'other')}", len(others)),
            )
        else:
            span = (self._ended - metric.window_seconds, self._ended)
            found, past = await asyncio.gather(asked, self._sample(check, metric, hosts, span))
            against, other = Against.BASELINE, Side(past, "before the deploy")
        judged = len(switched) if metric.of == Of.HOST else 1
        early = check.interval_seconds / (self._until - self._since) if at < self._until else None
        return compared(metric, against, _side(found, hosts), other, level(metric, judged, early))

    async def _limited(
        self, check: Check, metric: Metric, hosts: Sequence[Target], span: tuple[float, float]
    ) -> Tried:
        tried = within_limits(metric, _side(await self._sample(check, metric, hosts, span), hosts))
        if tried.verdict != Verdict.FAIL:
            return tried
        # Only now it matters how it was before.
        span = (self._ended - metric.window_seconds, self._ended)
        before = within_limits(metric, _side(await self._sample(check, metric, hosts, span), hosts))
        return replace(tried, baseline=before.verdict)

    async def _control(
        self, check: Check, metric: Metric, others: Sequence[Target], span: tuple[float, float]
    ) -> Sample:
        """The other hosts, asked once for all looks of about the same time."""
        key = _key(check, metric)
        number = -1 if span[1] >= self._until else int((span[1] - self._since) / check.interval_seconds)
        async with self._locks[key]:
            if (key, number) not in self._controls:
                self._controls[key, number] = await self._sample(check, metric, others, span)
            return self._controls[key, number]

    async def _sample(
        self, check: Check, metric: Metric, hosts: Sequence[Target], span: tuple[float, float]
    ) -> Sample:
        order = self._deployment.record.order
        about = chosen([target.host for target in hosts])
        asked = queries(check, order.app, order.environment, about)
        return sample(await self._deployment.sources.series(check, metric, asked, *span), metric.nan)

    @cached_property
    def _sides(self) -> dict[_Key, tuple[list[Target], list[Target]]]:
        """The hosts that have switched and those that still run what they ran, by check."""
        found: defaultdict[_Key, tuple[list[Target], list[Target]]] = defaultdict(lambda: ([], []))
        name = self._deployment.environment.name
        for target in self._deployment.going():
            for check in self._deployment.config.checks(name, target.host):
                if check.metric is not None:
                    found[_key(check, check.metric)][target.run.flipped_at is None].append(target)
        return found

    @cached_property
    def _ended(self) -> float:
        """When the time before the deploy ended: on hosts nothing was done before the probe."""
        for _, body in self._deployment.world.store.records.events(self._deployment.id):
            event = event_from_json(body)
            if isinstance(event, PhaseStarted) and event.phase == Phase.PROBE:
                return event.at
        return self._deployment.record.started_at


def variant(seen: list[Check], check: Check) -> int:
    """Which of the checks at its place in the config it is: hosts may differ there. `seen` are known."""
    same = [one for one in seen if one.position == check.position]
    for number, one in enumerate(same):
        if one.pattern == check.pattern and one.metric == check.metric:
            return number
    seen.append(check)
    return len(same)


def _key(check: Check, metric: Metric) -> _Key:
    return check.position, check.pattern, metric


def _side(found: Sample, hosts: Sequence[Target]) -> Side:
    who = hosts[0].host.name if len(hosts) == 1 else count(len(hosts), "switched host")
    return Side(found, f"on {who}", len(hosts))
