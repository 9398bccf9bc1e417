"""Preview: what an order would do, as far as records, git and the inventory know. No host is asked.

`orders.plan` asks them, and makes the very scripts that they would run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shiphorn.config.load import Config, Environment
from shiphorn.deploy import discover, resolve
from shiphorn.deploy.gates import ask_all
from shiphorn.errors import Refused, ShiphornError, SourceError
from shiphorn.model.deploy import Deploy, DeployState, Kind, Observed, Order
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.history import DeployRow, Place, Standings
from shiphorn.model.people import Caller
from shiphorn.model.release import Commit
from shiphorn.model.settings import Limits, Moment
from shiphorn.model.target import Host
from shiphorn.ports import Source
from shiphorn.service.commits.graph import Graph
from shiphorn.service.deploys.estimate import Estimate, estimate
from shiphorn.service.gates import UnderWay, queue
from shiphorn.service.hosts.intent import Standing
from shiphorn.service.hosts.listed import listed
from shiphorn.service.service import Service
from shiphorn.store.store import Store

COMMITS_SHOWN = 200
_HISTORY = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one host. `runs` is the release that it was last seen to run and would go back to:
    "" is none, None is not known. `gets` is the release that it would run, "" for one made by the deploy.
    """

    host: Host
    wave: int
    runs: str | None
    gets: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A release that hosts keep, of those that are chosen. `live` counts those that run it; `wrong` is
    whether its deploy went wrong, `everywhere` whether all of them keep it.
    """

    release: str
    sha: str
    hosts: int
    live: int
    wrong: bool
    everywhere: bool


@dataclass(frozen=True, slots=True)
class Commits:
    """What an order changes of the history, each newest first, COMMITS_SHOWN at most.

    `bringing` are commits that go in; `removing` are live, and would be taken away: somebody's work is
    overwritten. `missing` are on the branch that is deployed from, and are not in it.
    """

    bringing: Sequence[Commit] = ()
    removing: Sequence[Commit] = ()
    missing: Sequence[Commit] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What an order would do.

    `commit` is None when nobody knows it, `release` the one that hosts go to ("" for one that is made).
    `everything` are all hosts of the environment, `steps` those that are chosen. `kept` is for a rollback.
    `staying` are commands whose effects a rollback does not take back. `troubles` keep the order from being
    given: each says what is wrong.
    """

    order: Order
    commit: Commit | None
    release: str
    live: DeployRow | None
    commits: Commits
    everything: Sequence[Host]
    steps: Sequence[Step]
    kept: Sequence[Kept]
    staying: Sequence[str]
    gates: Sequence[Answer]
    queue: Sequence[UnderWay]
    limits: Limits
    estimate: Estimate | None
    troubles: Sequence[ShiphornError]

    @property
    def open(self) -> bool:
        """Whether every gate lets it through."""
        return all(one.verdict != Verdict.REFUSE for one in self.gates)

    @property
    def waits(self) -> bool:
        """Whether a gate would have it wait."""
        return any(one.verdict == Verdict.WAIT for one in self.gates)

    @property
    def overridable(self) -> bool:
        """Whether somebody who insists gets by all that refuse."""
        return all(one.overridable or one.verdict != Verdict.REFUSE for one in self.gates)

    @property
    def waves(self) -> list[int]:
        """How many hosts each wave has."""
        counts = Counter(step.wave for step in self.steps)
        return [counts[number] for number in sorted(counts)]

    @property
    def back_to(self) -> list[tuple[str | None, int]]:
        """The releases that hosts would go back to, and how many to each; most of them first."""
        return Counter(step.runs for step in self.steps).most_common()

    @property
    def overwritten(self) -> list[tuple[str, int]]:
        """Whose commits would be taken away, and how many of each."""
        return Counter(one.author for one in self.commits.removing).most_common()


async def preview(service: Service, caller: Caller, order: Order, graph: Graph | None = None) -> Preview:
    """What an order of the caller would do. Raises NotFound SH580, ConfigError SH110.

    What a `graph` of the repository knows git is not asked for: that is many times as fast.
    """
    config = service.config(caller, order.app, order.environment)
    order, place = replace(order, actor=caller.name), (order.app, order.environment)
    store, troubles = service.store, list[ShiphornError]()
    standings, seen = store.history.standings([place]), store.hosts.observed(*place)
    live = standings.live.get(place)
    live_sha = live.sha if live else _most_seen(seen)
    source = service.world.source(config)
    commit, release, gets = None, live.release if live else "", dict[str, str]()
    if order.kind == Kind.DEPLOY:
        release = ""
        commit, config = await _of_ref(service, config, order, troubles, graph)
    environment = config.environment(order.environment)
    everything = await _everything(service, config, environment, troubles)
    chosen = [host for host in everything if order.selection.matches(host)]
    if order.kind == Kind.CONVERGE:
        gets = _lacking(store, place, standings)
        chosen = [host for host in chosen if host.name in gets]
        commit = await _known(source, live_sha)
    elif not chosen and not troubles:
        troubles.append(_no_host(order, everything))
    offered: list[Kept] = []
    if order.kind == Kind.ROLLBACK:
        keeping = [seen[host.name] for host in chosen if host.name in seen]
        history = store.deploys.history(*place, limit=_HISTORY)
        offered = kept(keeping, history)
        release = _going_back(order, keeping, history, troubles)
        commit = await _known(source, resolve.sha_of(release, keeping, history))
    runs = discover.in_waves(environment, chosen)
    waves = max((run.wave for run in runs), default=1)
    question = Question(order, commit.sha if commit else "", live_sha, time.time())
    return Preview(
        order,
        commit,
        release,
        live,
        await _commits(source, config, order, commit, live_sha, graph),
        everything,
        [
            Step(run.host, run.wave, _runs(seen.get(run.host.name)), gets.get(run.host.name, release))
            for run in runs
        ],
        offered,
        staying(config, order, chosen),
        await ask_all(service.world, config, question) if not troubles else [],
        queue(store, order.app, service.lives, order.environment),
        environment.limits,
        estimate(store, *place, order.kind, waves=waves, bake_seconds=environment.limits.bake_seconds),
        troubles,
    )


async def found(source: Source, ref: str) -> Commit:
    """The commit of a ref as the mirror has it; only one that it does not know is fetched for."""
    try:
        return await source.resolve(ref)
    except SourceError:
        return await resolve.find(source, ref)


def kept(seen: Sequence[Observed], history: Sequence[Deploy]) -> list[Kept]:
    """The releases that hosts keep as they were last seen, the newest first."""
    good = {one.release for one in history if one.state == DeployState.SUCCEEDED}
    wrong = {one.release for one in history if one.state in (DeployState.FAILED, DeployState.ROLLED_BACK)}
    holding = Counter(name for one in seen for name in one.releases)
    running = Counter(one.release for one in seen)
    return [
        Kept(
            name,
            resolve.sha_of(name, seen, history),
            count,
            running[name],
            name in wrong - good,
            count == len(seen),
        )
        for name, count in sorted(holding.items(), reverse=True)
    ]


def staying(config: Config, order: Order, hosts: Sequence[Host]) -> list[str]:
    """Commands that have run by the time that a rollback begins: what they did stays."""
    if order.kind != Kind.DEPLOY:
        return []
    commands = (
        command.run
        for host in hosts
        for command in config.settings(order.environment, host).commands.get(Moment.STAGE, ())
        if not command.roles or not set(command.roles).isdisjoint(host.roles)
    )
    return list(dict.fromkeys(commands))


async def _of_ref(
    service: Service, config: Config, order: Order, troubles: list[ShiphornError], graph: Graph | None
) -> tuple[Commit | None, Config]:
    """The commit of a deploy, and the config that it would go by."""
    try:
        named = resolve.named(service.store, order.app, order.environment, order.ref or config.branch)
        here = graph.named(named or graph.refs.default) if graph else None
        commit = here or await found(service.world.source(config), named)
        at, _ = await service.apps.config_at(service.world, order.app, order.environment, commit.sha)
        at.environment(order.environment)
    except ShiphornError as error:
        troubles.append(error)
        return None, config
    return commit, at


async def _everything(
    service: Service, config: Config, environment: Environment, troubles: list[ShiphornError]
) -> list[Host]:
    try:
        return await discover.everything(config, environment, service.world.inventory)
    except* ShiphornError as group:
        troubles.extend(one for one in group.exceptions if isinstance(one, ShiphornError))
    return []


def _lacking(store: Store, place: Place, standings: Standings) -> dict[str, str]:
    """The hosts that do not run what they should, and what that is."""
    lacking = (Standing.BEHIND, Standing.DRIFTED)
    return {
        one.host.name: one.intended for one in listed(store, [place], standings) if one.standing in lacking
    }


def _going_back(
    order: Order, seen: Sequence[Observed], history: Sequence[Deploy], troubles: list[ShiphornError]
) -> str:
    """The release that a rollback goes to, "" for none."""
    try:
        release = order.ref or resolve.before(_most_run(seen), seen, history)
        _require_kept(release, seen)
    except ShiphornError as error:
        troubles.append(error)
        return order.ref
    return release


async def _commits(
    source: Source, config: Config, order: Order, commit: Commit | None, live_sha: str, graph: Graph | None
) -> Commits:
    if commit is None or order.kind == Kind.CONVERGE:
        return Commits()
    if graph is not None and (drawn := _from_graph(graph, config, order, commit, live_sha)):
        return drawn
    known = bool(live_sha) and await source.has(live_sha)
    missing: Sequence[Commit] = ()
    if order.kind == Kind.DEPLOY:
        head = await source.resolve(config.branch)
        missing = await source.log(commit.sha, head.sha, limit=COMMITS_SHOWN)
    return Commits(
        await source.log(live_sha, commit.sha, limit=COMMITS_SHOWN) if known else (),
        await source.log(commit.sha, live_sha, limit=COMMITS_SHOWN) if known else (),
        missing,
    )


def _from_graph(graph: Graph, config: Config, order: Order, commit: Commit, live_sha: str) -> Commits | None:
    """The same by what is in memory; None where that does not know all of it."""
    head = graph.named(config.branch or graph.refs.default)
    if head is None or graph.row_of(commit.sha) is None or (live_sha and graph.row_of(live_sha) is None):
        return None

    def lacking(old: str, new: str) -> list[Commit]:
        return [graph.node(row).commit for row in graph.ahead(old, new)[:COMMITS_SHOWN]]

    return Commits(
        lacking(live_sha, commit.sha) if live_sha else (),
        lacking(commit.sha, live_sha) if live_sha else (),
        lacking(commit.sha, head.sha) if order.kind == Kind.DEPLOY else (),
    )


async def _known(source: Source, sha: str) -> Commit | None:
    return await source.resolve(sha) if sha and await source.has(sha) else None


def _runs(seen: Observed | None) -> str | None:
    return seen.release if seen is not None else None


def _most_seen(seen: Mapping[str, Observed]) -> str:
    found = [one.sha for one in seen.values() if one.sha]
    return max(found, key=found.count, default="")


def _most_run(seen: Sequence[Observed]) -> str:
    live = Counter(one.release for one in seen if one.release).most_common(1)
    return live[0][0] if live else ""


def _require_kept(release: str, seen: Sequence[Observed]) -> None:
    lacking = [one.host for one in seen if release not in one.releases]
    if lacking:
        raise Refused(
            "SH514",
            f"release {release} is not on {len(lacking)} of {len(seen)} hosts: {', '.join(lacking[:5])}.",
            hint="Pick one that all of them keep, or fewer hosts.",
        )


def _no_host(order: Order, everything: Sequence[Host]) -> Refused:
    if not everything:
        return Refused("SH520", f"{order.environment} has no hosts.", hint="Add hosts to it in its config.")
    return Refused(
        "SH520",
        f"no host of {order.environment} matches {order.selection}.",
        hint="Choose fewer conditions: each of them must hold.",
    )
