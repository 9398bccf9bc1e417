"""The facts that auto deploys are decided by: what is on record, in the mirrors, and said by builds."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shiphorn.config.auto import AutoEntry
from shiphorn.config.load import Config
from shiphorn.deploy import resolve
from shiphorn.deploy.out import MERGED_AS, out_with
from shiphorn.model.auto import AutoRecord, Written
from shiphorn.model.health import Outcome
from shiphorn.model.history import DeployRow, Place, Standings
from shiphorn.model.locks import Lock, Scope
from shiphorn.model.statuses import repository_key
from shiphorn.model.times import span
from shiphorn.service.auto.decide import Candidate, Facts, Ready, green
from shiphorn.service.auto.mirrors import Mirrors
from shiphorn.service.hosts.listed import HostCounts, counted
from shiphorn.service.worker import ACTOR
from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What is on record of all environments that matter: a few queries, however many they are."""

    at: float
    records: Mapping[Place, AutoRecord]
    locks: Sequence[Lock]
    active: Mapping[Place, Sequence[DeployRow]]
    standings: Standings
    live: Mapping[Place, str]
    hosts: Mapping[Place, HostCounts]
    """Of environments that others come after."""
    unhealthy: frozenset[Place]

    def record(self, place: Place) -> AutoRecord:
        """What is on record of an environment."""
        return self.records.get(place) or AutoRecord(*place)


def on_record(store: Store, places: Sequence[Place], before: Sequence[Place], now: float) -> OnRecord:
    """Read it; `before` are environments that others come after."""
    records = store.auto.listed()
    # Locks come first, then what moves: the commit of a lock whose deploy is over by then is among the live.
    locks = store.locks.in_force(now)
    active: defaultdict[Place, list[DeployRow]] = defaultdict(list)
    for row in store.history.active():
        active[row.place].append(row)
    out = [(lock.app, lock.environment) for lock in locks if lock.branch]
    wanted = list(dict.fromkeys([*places, *before, *out]))
    standings = store.history.standings(wanted) if wanted else Standings({}, {})
    live = {
        place: standings.live[place].sha if place in standings.live else resolve.live_sha(store, *place)
        for place in wanted
    }
    outcomes = store.health.outcomes([standings.live[one].id for one in before if one in standings.live])
    unhealthy = frozenset(
        one
        for one in before
        if one in standings.live and outcomes.get(standings.live[one].id, {}).get(Outcome.UNHEALTHY)
    )
    hosts = counted(store, before, standings) if before else {}
    return OnRecord(now, records, locks, active, standings, live, hosts, unhealthy)


async def facts_of(
    store: Store,
    mirrors: Mirrors,
    config: Config,
    environment: str,
    auto: AutoEntry,
    record: AutoRecord,
    known: OnRecord,
) -> tuple[Facts, Mapping[str, float]]:
    """The facts of an environment, and since when commits to come are known. Raises SourceError."""
    place = (config.app, environment)
    live = known.live[place]
    if record.stopped_at is not None:
        return Facts("", live, "", stopped=record.stopped_reason), record.seen
    if auto.after is not None:
        facts = await _promotion(mirrors, config, auto, auto.after, known, live)
        seen: Mapping[str, float] = {}
    else:
        facts, seen = await _of_branch(store, mirrors, config, environment, auto, known, live)
    made = await asyncio.to_thread(_made, store, record, facts) if facts.candidates else {}
    out = next(
        (f"{one.reason}, by {one.owner}" for one in known.locks if one.branch and one.scope == Scope(*place)),
        "",
    )
    return replace(_with_deploys(facts, made, known.active.get(place, ())), out=out), seen


async def _of_branch(
    store: Store,
    mirrors: Mirrors,
    config: Config,
    environment: str,
    auto: AutoEntry,
    known: OnRecord,
    live: str,
) -> tuple[Facts, Mapping[str, float]]:
    branch = config.base(environment)
    head = (await mirrors.heads(config)).get(branch, "")
    if not head or head == live:
        return Facts(branch if head else f"branch {branch}", live, head), {}
    coming = await mirrors.ahead(config, live, head)
    if not coming and (merged := await asyncio.to_thread(_squashed, store, config.app, environment)):
        coming = await _since(mirrors, config, merged, head)
    before = known.record((config.app, environment)).seen
    seen = {one.commit.sha: before.get(one.commit.sha, known.at) for one in coming}
    if auto.on == "push":
        ready = {sha: Ready(since, "was pushed", f"{branch} was pushed to") for sha, since in seen.items()}
    else:
        key, required = repository_key(config.repo), required_contexts(config, environment, auto)
        said = await asyncio.to_thread(store.statuses.of_commits, list(seen), key)
        ready = {sha: green(said.get(sha, []), required, branch, known.at) for sha in seen}
        seen = {}
    return Facts(branch, live, head, _candidates(coming, ready), auto.delay), seen


def _squashed(store: Store, app: str, environment: str) -> str:
    """What a branch was merged as that is live and that the base branch does not contain: it was squashed."""
    lock = out_with(store, app, environment)
    found = MERGED_AS.fullmatch(lock.release_reason) if lock is not None else None
    return found[1] if found else ""


async def _since(mirrors: Mirrors, config: Config, merged: str, head: str) -> list[Written]:
    """A commit of a branch and those that come after it, newest first; none when it is not part of it."""
    whole = await mirrors.whole(config, merged)
    if not whole or not await mirrors.contains(config, head, whole):
        return []
    return [*await mirrors.ahead(config, whole, head), *(await mirrors.ahead(config, "", whole))[:1]]


async def _promotion(
    mirrors: Mirrors, config: Config, auto: AutoEntry, first: str, known: OnRecord, live: str
) -> Facts:
    before: Place = (config.app, first)
    row = known.standings.live.get(before)
    if row is None:
        return Facts(f"good deploy to {first}", live, "")
    what = f"what {first} runs"
    if row.sha == live:
        return Facts(what, live, row.sha)
    coming = (await mirrors.ahead(config, live, row.sha))[:1]
    ready = _standing(before, row, known, auto.healthy)
    base = config.base(first)
    if ready.since is not None and not await mirrors.contains(
        config, (await mirrors.heads(config)).get(base, ""), row.sha
    ):
        ready = Ready(None, f"waits: {first} runs a branch, and {base} does not contain it")
    return Facts(what, live, row.sha, _candidates(coming, {row.sha: ready}), auto.healthy)


def _standing(place: Place, row: DeployRow, known: OnRecord, healthy: float) -> Ready:
    """Whether an environment stands well with what it runs, and since when."""
    name, hosts = place[1], known.hosts.get(place, HostCounts())
    closed = [lock for lock in known.locks if lock.deploy_id is not None and lock.scope.covers(Scope(*place))]
    last = known.standings.last.get(place, row)
    troubles = (
        (bool(known.active.get(place)), f"a deploy to {name} is under way"),
        (row.narrowed, f"it is on some hosts of {name} only"),
        (bool(closed), f"{name} is locked by {closed[0].by}" if closed else ""),
        (place in known.unhealthy, f"{name} is unhealthy"),
        (bool(hosts.behind), f"hosts of {name} are behind: {hosts.behind}"),
        (bool(hosts.drifted), f"hosts of {name} have drifted: {hosts.drifted}"),
    )
    for holds, words in troubles:
        if holds:
            return Ready(None, f"waits: {words}")
    since = max(row.finished_at or known.at, last.finished_at or 0.0)
    how_long = f" for {span(healthy)}" if healthy else ""
    return Ready(since, f"is well in {name} so far", f"{name} has run it well{how_long}")


def _candidates(coming: Sequence[Written], ready: Mapping[str, Ready]) -> list[Candidate]:
    return [Candidate(one.commit.sha, ready[one.commit.sha], one.skips) for one in coming]


def required_contexts(config: Config, environment: str, auto: AutoEntry) -> Sequence[str]:
    """The contexts that have to be green, globs: its own, else the gate's; none for whatever is said."""
    tests = config.gates(environment).tests
    return auto.required or (tests if isinstance(tests, list) else [])


def _made(store: Store, record: AutoRecord, facts: Facts) -> dict[str, int]:
    """The deploys that went out by themselves with commits to come."""
    keys = {record.key(one.sha): one.sha for one in facts.candidates}
    made = store.deploys.by_requests(ACTOR, list(keys))
    return {keys[key]: number for key, number in made.items()}


def _with_deploys(facts: Facts, made: Mapping[str, int], active: Sequence[DeployRow]) -> Facts:
    """The facts, with what went out by itself before, and what is under way."""
    candidates = [replace(one, taken=made.get(one.sha)) for one in facts.candidates]
    running = ", ".join(f"{row.kind} {row.id} by {row.actor}" for row in active[:1])
    return replace(facts, candidates=candidates, running=running)
