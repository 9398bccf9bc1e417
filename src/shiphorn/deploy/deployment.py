"""A deploy as this process works on it: what its phases share, rebuilt from the store when need be."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from shiphorn.config.load import Config, Environment, load_text
from shiphorn.deploy.doing import Doing
from shiphorn.deploy.measuring import Sources
from shiphorn.deploy.problems import problem_of
from shiphorn.deploy.world import World
from shiphorn.engine.crashpoints import reach
from shiphorn.errors import HostError, Refused, ShiphornError
from shiphorn.model.deploy import (
    CommandOutput,
    Deploy,
    HostRun,
    HostState,
    Kind,
    Observed,
    Phase,
    Problem,
    Wish,
)
from shiphorn.model.events import Event, HostChanged, PhaseFinished
from shiphorn.model.health import Health
from shiphorn.model.redact import Redactor
from shiphorn.model.settings import Command, HostSettings, Limits, Login, Moment, SecretRef
from shiphorn.model.target import Host
from shiphorn.ports import Exchange, Reply, Shell, Source
from shiphorn.remote.answers import ProbeFacts, problems_of
from shiphorn.remote.scripts import HostPlan

ENDING = (Wish.STOP, Wish.LEAVE)
SWITCHED = (
    HostState.FLIPPED,
    HostState.RESTARTED,
    HostState.DONE,
    HostState.BROKEN,
    HostState.UNKNOWN,
)
"""States of hosts that run the new release, or may do so."""
STOPPED = "SH530"
"""The code of the error that ends a deploy which a person stopped."""


@dataclass(slots=True)
class Target:
    """One host of the deploy. `facts`, `offset` and `flip` live only as long as this process.

    `offset` is how far the host's clock is ahead of ours and the round trip, both in seconds.
    """

    run: HostRun
    settings: HostSettings
    facts: ProbeFacts | None = None
    offset: tuple[float, float] | None = None
    flip: Exchange | None = None

    @property
    def host(self) -> Host:
        """The host."""
        return self.run.host

    @property
    def login(self) -> Login:
        """How to log in."""
        return self.settings.login

    @property
    def failed(self) -> bool:
        """Whether the deploy goes on without this host."""
        return self.run.problem is not None


@dataclass
class Deployment:
    """Everything that the phases of one deploy share. Made by `open_deployment`."""

    world: World
    record: Deploy
    config: Config
    environment: Environment
    targets: dict[str, Target] = field(default_factory=dict)
    redactor: Redactor = field(default_factory=lambda: Redactor(()))
    _secrets: dict[str, str] | None = None
    _seen: list[Observed] = field(default_factory=list)
    _health: list[Health] = field(default_factory=list)

    @cached_property
    def doing(self) -> Doing:
        """What it does this moment, as other processes see it."""
        return Doing(lambda text: self.world.store.deploys.show(self.id, text))

    @cached_property
    def sources(self) -> Sources:
        """Where its checks ask for metrics."""
        return Sources(self.config, self.world.secrets(self.config), self.world.meter)

    @property
    def limits(self) -> Limits:
        """How the hosts are treated together. Of those that only catch up, none waits for the others."""
        limits = self.environment.limits
        return replace(limits, require="1") if self.record.order.kind == Kind.CONVERGE else limits

    @property
    def timeout_seconds(self) -> float:
        """How long a host may take to answer, its commands apart."""
        return self.limits.phase_timeout_seconds

    @property
    def at_once(self) -> int:
        """Hosts worked on at a time."""
        return self.limits.concurrency

    @property
    def flipping(self) -> bool:
        """Whether hosts may have switched: from then on taking back means to switch them back."""
        return self.record.flip_at is not None

    @property
    def id(self) -> int:
        """The deploy's number."""
        return self.record.id

    @cached_property
    def source(self) -> Source:
        """The application's repository."""
        return self.world.source(self.config)

    def change(self, **values: Any) -> None:
        """Set columns of the deploy, in the store and here."""
        self.world.store.deploys.update(self.id, **values)
        self.record = replace(self.record, **values)

    def end(self, told: Event, **values: Any) -> None:
        """Set columns of a deploy that is over, let go of its environment, and tell: all at once."""
        self.doing.clear()
        self.world.store.deploys.end(self.id, told, **values)
        self.record = replace(self.record, **values)
        reach("close:ended")
        self.world.tell(told)

    def preview(self, **values: Any) -> None:
        """Set columns of a deploy that is only planned, and in no store."""
        self.record = replace(self.record, **values)

    def place(self, runs: Sequence[HostRun]) -> None:
        """Take the hosts, as the store has them, each with its settings."""
        name = self.environment.name
        self.targets = {run.host.name: Target(run, self.config.settings(name, run.host)) for run in runs}

    def going(self) -> list[Target]:
        """The hosts that the deploy still goes on with, in their order."""
        return [target for target in self.targets.values() if not target.failed]

    def going_in_wave(self) -> list[Target]:
        """Those of them whose turn it is."""
        return [target for target in self.going() if target.run.wave == self.record.wave]

    def switched(self) -> list[Target]:
        """The hosts that run the new release, or may do so."""
        return [target for target in self.targets.values() if target.run.state in SWITCHED]

    async def shell(self, target: Target) -> Shell:
        """The host's shell. Raises ConnectError."""
        return await self.world.fleet.shell(target)

    async def secrets(self) -> dict[str, str]:
        """The values of all secrets that hosts get, fetched once. Raises ConfigError SH130."""
        if self._secrets is None:
            names = {
                value.name
                for target in self.targets.values()
                for value in target.settings.env.values()
                if isinstance(value, SecretRef)
            }
            provider = self.world.secrets(self.config)
            self._secrets = {name: await provider.get(name) for name in sorted(names)}
            self.redactor = Redactor(self._secrets.values())
        return self._secrets

    async def plan(self, target: Target) -> HostPlan:
        """What the scripts for a host are made of."""
        secrets = await self.secrets()
        settings, record, site = target.settings, self.record, self.environment.endpoint
        return HostPlan(
            run=record.run,
            token=record.token,
            release=record.release,
            revision=record.sha,
            deploy_to=settings.deploy_to,
            shared_dirs=settings.shared_dirs,
            shared_files=settings.shared_files,
            keep_releases=settings.keep_releases,
            env={key: value for key, value in settings.env.items() if isinstance(value, str)},
            secrets={
                key: secrets[value.name]
                for key, value in settings.env.items()
                if isinstance(value, SecretRef)
            },
            env_file=settings.env_file,
            actor=record.order.actor,
            branch=record.order.ref or self.config.branch,
            deployer=f"{record.order.kind} {record.id} by {record.order.actor}",
            is_rollback=record.order.kind == Kind.ROLLBACK,
            endpoint=site.mark if site else "",
            shared_from=settings.shared_from,
            vhost=site.vhost if site else None,
        )

    async def plan_back(self, target: Target) -> HostPlan:
        """What the script is made of that switches a host back to what it ran before."""
        return replace(
            await self.plan(target),
            run=f"{self.record.run}-back",
            release=target.run.previous,
            revision=target.run.previous_sha,
        )

    def commands(self, target: Target, moment: Moment) -> tuple[Command, ...]:
        """The commands that this host runs at a moment: those of its roles, `once` ones on one host.

        A host that catches up with others leaves out what one of them did for all.
        """
        catches_up = self.record.order.kind == Kind.CONVERGE
        return tuple(
            command
            for command in target.settings.commands.get(moment, ())
            if _has_role(target, command)
            and (not command.once or (not catches_up and self.first(command) is target))
        )

    def first(self, command: Command) -> Target | None:
        """The host that runs a `once` command: the first of its roles that passed the probe.

        Later failures do not move it elsewhere: it could have run already.
        """
        return next(
            (
                target
                for target in self.targets.values()
                if _has_role(target, command) and not (target.failed and target.run.phase == Phase.PROBE)
            ),
            None,
        )

    def note(self, target: Target, phase: Phase, state: HostState, **values: Any) -> None:
        """Set where a host stands, and tell; `values` are further fields of its run, such as a problem."""
        reach(f"host:{state}")
        target.run = replace(target.run, phase=phase, state=state, **values)
        problem: Problem | None = values.get("problem")
        self.tell(
            HostChanged(
                self.id,
                time.time(),
                target.host.name,
                target.host.region,
                phase,
                state,
                *((problem.code, problem.message, problem.group) if problem else ()),
            )
        )

    def fail(self, target: Target, phase: Phase, error: ShiphornError | Problem, state: HostState) -> None:
        """Record that a host failed in a phase."""
        problem = problem_of(error, target.host) if isinstance(error, ShiphornError) else error
        clean = Problem(
            problem.code,
            self.redactor.text(problem.message),
            self.redactor.text(problem.group),
            problem.hint,
        )
        self.note(target, phase, state, problem=clean)

    @staticmethod
    def require_success(reply: Reply) -> None:
        """Raise HostError for the first problem that a script reported."""
        for problem in problems_of(reply)[:1]:
            raise HostError(problem.code, problem.message, hint=problem.hint, facts={"group": problem.group})

    def patience(self, commands: Sequence[Command]) -> float:
        """Seconds that a script with these commands may take."""
        return self.timeout_seconds + sum(command.timeout_seconds for command in commands)

    def observe(self, seen: Observed) -> None:
        """Remember what a host runs, with the next `save`."""
        self._seen.append(seen)

    def keep_health(self, seen: Iterable[Health]) -> None:
        """Remember how checks stand, with the next `save`. What comes in must be redacted already."""
        self._health += seen

    def save(self, targets: Sequence[Target]) -> None:
        """Write the hosts' states to the store."""
        # Health first: a host that counts as probed has its baseline on record.
        health, self._health = self._health, []
        self.world.store.health.save(self.id, health)
        self.world.store.hosts.save(self.id, [target.run for target in targets])
        order, seen, self._seen = self.record.order, self._seen, []
        self.world.store.hosts.observe(order.app, order.environment, seen)

    def keep_outputs(self, host: str, printed: Sequence[CommandOutput]) -> None:
        """Keep what commands printed, without the secrets."""
        clean = [
            replace(one, command=self.redactor.text(one.command), output=self.redactor.text(one.output))
            for one in printed
        ]
        self.world.store.records.add_outputs(self.id, host, clean)

    def tell(self, event: Event) -> None:
        """Tell all who listen, and keep it; hosts that fare well are kept in `host_runs` alone.

        What only says how a phase stands is not kept, but shown until the phase is over.
        """
        if isinstance(event, PhaseFinished):
            self.doing.clear()
        if not self.doing.say(event) and (not isinstance(event, HostChanged) or event.code):
            self.world.store.records.add_events([event])
        self.world.tell(event)

    def wish(self) -> tuple[Wish, str]:
        """What somebody wants of the deploy, and who."""
        return self.world.store.deploys.wish(self.id)

    def check_stop(self) -> None:
        """Raise Refused SH530 if a person wants the deploy to end."""
        wish, actor = self.wish()
        if wish in ENDING:
            raise Refused(STOPPED, f"{actor} stopped the deploy.")


def open_deployment(world: World, record: Deploy) -> Deployment:
    """The deployment of a deploy, by the config it was started with. Raises ConfigError."""
    config = load_text(record.config_text, Path(record.config_path))
    environment = config.environment(record.order.environment)
    deployment = Deployment(world, record, config, environment)
    runs = world.store.hosts.of_deploy(record.id)
    if record.phase == Phase.STAGE:
        # States are written twice a second: the process before may have begun on more hosts than that.
        runs = [replace(run, phase=Phase.STAGE) if run.state == HostState.PROBED else run for run in runs]
    deployment.place(runs)
    return deployment


def _has_role(target: Target, command: Command) -> bool:
    return not command.roles or not set(command.roles).isdisjoint(target.host.roles)
