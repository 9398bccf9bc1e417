"""This machine as the desk: the service layer in this process, on the databases and by the config here."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from shiphorn.cli import auto_here, terminal
from shiphorn.cli.answers import Checked, Ended, Kept, Place, Printed, Unlocked
from shiphorn.cli.endpoints_here import EndpointsHere, with_endpoints
from shiphorn.errors import ConfigError, Refused

if TYPE_CHECKING:
    from rich.console import Console

    from shiphorn.config.layers import Explained
    from shiphorn.config.load import Config
    from shiphorn.deploy.plan import Plan
    from shiphorn.model.approvals import Approval
    from shiphorn.model.deploy import CommandOutput, Deploy, Order, Problem, Wish
    from shiphorn.model.locks import BadMark, Lock, Scope
    from shiphorn.model.release import Commit
    from shiphorn.model.statuses import CommitStatus
    from shiphorn.model.target import Host, Selection
    from shiphorn.service.auto.standing import AutoStanding
    from shiphorn.service.builds.reporting import BuildStanding, Report
    from shiphorn.service.gates import UnderWay, Why
    from shiphorn.service.hosts.doctor import Check
    from shiphorn.service.hosts.fleet import EnvironmentStatus, Member
    from shiphorn.service.locks import Placed
    from shiphorn.service.shipping import Shipping
    from shiphorn.store.store import Store

SHOW_CURSOR = "\x1b[?25h"


class Here(EndpointsHere):
    """Orders are carried out by this process, questions answered from what is on record here."""

    def __init__(self, path: Path | None, of: str) -> None:
        self._path = path
        self._of = of

    @cached_property
    def config(self) -> Config:
        """The config that commands go by. Raises ConfigError, Refused SH521 when it is another app's."""
        found = with_endpoints(terminal.config(self._path))
        if self._of not in ("", found.app):
            raise Refused(
                "SH521",
                f"{found.path} deploys {found.app}, not {self._of}.",
                hint=f"Leave the app out, or use the config of {self._of}: --config FILE",
            )
        return found

    @property
    def app(self) -> str:
        """The app of the config."""
        return self.config.app

    @property
    def actor(self) -> str:
        """Whoever sits at this machine."""
        from shiphorn.wiring import actor  # noqa: PLC0415

        return actor()

    def branch(self, app: str) -> str:  # noqa: ARG002 - there is one config
        """The branch of the config."""
        return self.config.branch

    def scope(self, environment: str) -> Scope:
        """An environment of the app, or all of it. Raises ConfigError SH110 when there is none."""
        from shiphorn.model.locks import Scope  # noqa: PLC0415

        if environment:
            self.config.environment(environment)
        return Scope(self.app, environment)

    def plan(self, order: Order) -> Plan:
        """What an order would do."""
        return terminal.run(_plan(self.config, order))

    def lacking(self, environment: str, selected: Selection) -> list[Order]:
        """What a converge would order."""
        return terminal.run(_lacking(self.config, environment, selected, self.actor))

    def ship(self, order: Order, console: Console | None, *, mute: bool, wait: bool) -> Ended:
        """Carry out an order."""
        return terminal.run(ship(self.config, order, console, mute=mute, wait=wait))

    def converge(self, environment: str, selected: Selection, console: Console | None) -> list[Ended]:
        """Carry out a converge for each release that hosts lack."""
        return terminal.run(_converge(self.config, environment, selected, console, self.actor))

    def resume(self, deploy_id: int | None, console: Console | None) -> list[Ended]:
        """Go on with a deploy whose process died, or all of them, of any app."""
        return terminal.run(_resume(deploy_id, console))

    def ask(self, deploy_id: int, wish: Wish) -> None:
        """Leave a wish for the process that works on a deploy."""
        from shiphorn.model.locks import Scope  # noqa: PLC0415
        from shiphorn.service.records import ask, get  # noqa: PLC0415
        from shiphorn.wiring import open_store  # noqa: PLC0415

        with open_store() as store:
            order = get(store, deploy_id).order
            ask(store, deploy_id, wish, self.actor)
            scope = Scope(order.app, order.environment)
            _audit(store, self.actor, str(wish), scope, "", deploy=deploy_id)

    def pause_everything(self, reason: str) -> int:
        """Lock everything, and leave the wish for all deploys."""
        from shiphorn.model.deploy import Wish  # noqa: PLC0415
        from shiphorn.model.locks import Scope  # noqa: PLC0415
        from shiphorn.service.locks import place  # noqa: PLC0415
        from shiphorn.service.records import ask_all  # noqa: PLC0415
        from shiphorn.wiring import open_store  # noqa: PLC0415

        with open_store() as store:
            place(store, Scope(), reason, self.actor, time.time())
            asked = len(ask_all(store, Wish.PAUSE, self.actor))
            _audit(store, self.actor, "pause everything", Scope(), reason, deploys=asked)
            return asked

    def continue_everything(self) -> int:
        """Unlock everything, and leave the wish for all deploys."""
        from shiphorn.model.deploy import Wish  # noqa: PLC0415
        from shiphorn.model.locks import Scope  # noqa: PLC0415
        from shiphorn.service.locks import release  # noqa: PLC0415
        from shiphorn.service.records import ask_all  # noqa: PLC0415
        from shiphorn.wiring import open_store  # noqa: PLC0415

        with open_store() as store:
            release(store, Scope(), self.actor, time.time(), reason="everything goes on")
            asked = len(ask_all(store, Wish.CONTINUE, self.actor))
            _audit(store, self.actor, "continue everything", Scope(), "", deploys=asked)
            return asked

    def status(self, environment: str, selected: Selection) -> list[EnvironmentStatus]:
        """Ask the hosts of an environment, or of all of them."""
        wanted = (environment,) if environment else self.config.environments
        return [terminal.run(status(self.config, name, selected)) for name in wanted]

    def releases(self, environment: str, selected: Selection) -> Kept:
        """Ask the hosts what they keep."""
        return terminal.run(_releases(self.config, environment, selected))

    def history(self, environment: str, limit: int) -> Sequence[Deploy]:
        """The last deploys of the app, newest first."""
        from shiphorn.wiring import open_store  # noqa: PLC0415

        app = self.app
        with open_store() as store:
            return store.deploys.history(app, environment, limit=limit)

    def printed(self, deploy_id: int, host: str | None, search: str) -> Printed:
        """What is on record of a deploy of any app, or of the last one of this app."""
        from shiphorn.service.records import get, last, outputs  # noqa: PLC0415
        from shiphorn.wiring import open_store  # noqa: PLC0415

        app = "" if deploy_id else self.app
        with open_store() as store:
            deploy = get(store, deploy_id) if deploy_id else last(store, app)
            printed = outputs(store, deploy.id, host, search)
            return Printed(deploy, printed, store.hosts.of_deploy(deploy.id))

    def members(self, environment: str, selected: Selection) -> list[Member]:
        """Ask the inventories."""
        return terminal.run(_members(self.config, environment, selected))

    def doctor(self, environment: str) -> list[Check]:
        """Look at this machine, and at an environment."""
        return terminal.run(_examine(self.config, environment, self.actor))

    def execute(
        self, environment: str, selected: Selection, command: str, timeout_seconds: float, user: str
    ) -> list[tuple[Host, CommandOutput | Problem]]:
        """Run a command on hosts."""
        return terminal.run(_execute(self.config, environment, selected, command, timeout_seconds, user))

    def lock(self, scope: Scope, reason: str, until: float | None, *, steal: bool) -> Placed:
        """Place a lock."""
        from shiphorn.service.locks import place  # noqa: PLC0415
        from shiphorn.wiring import open_store  # noqa: PLC0415

        with open_store() as store:
            placed = place(store, scope, reason, self.actor, time.time(), until=until, steal=steal)
            others = [one.owner for one in placed.released if one.owner != self.actor]
            _audit(store, self.actor, "lock", scope, reason, until=until, **{"stolen from": others})
            return placed

    def unlock(self, scope: Scope, reason: str) -> Unlocked:
        """Release the locks on a scope."""
        from shiphorn.service.locks import release  # noqa: PLC0415
        from shiphorn.wiring import open_store  # noqa: PLC0415

        now = time.time()
        with open_store() as store:
            released = release(store, scope, self.actor, now, reason=reason)
            _audit(store, self.actor, "unlock", scope, reason, owners=[one.by for one in released])
            return Unlocked(released, store.locks.in_force(now, scope))

    def locks(self, *, history: bool) -> list[Lock]:
        """The locks of all apps."""
        from shiphorn.service.locks import listed  # noqa: PLC0415
        from shiphorn.wiring import open_store  # noqa: PLC0415

        with open_store() as store:
            return listed(store, time.time(), history=history)

    def marks(self) -> list[BadMark]:
        """The marks of the app."""
        from shiphorn.wiring import open_store  # noqa: PLC0415

        app = self.app
        with open_store() as store:
            return store.marks.listed(app)

    def mark(self, ref: str, reason: str, *, clear: bool) -> Commit:
        """Mark a commit, or take the mark off."""
        return terminal.run(_mark(self.config, ref, reason, self.actor, clear=clear))

    def report(self, ref: str, said: Report) -> CommitStatus:
        """Put it on record here."""
        return terminal.run(_report(self.config, ref, said, self.actor))

    def builds(self, ref: str) -> BuildStanding:
        """What is on record here."""
        return terminal.run(_builds(self.config, ref))

    def queue(self) -> list[UnderWay]:
        """The deploys of the app that are not over."""
        from shiphorn.service.gates import queue  # noqa: PLC0415
        from shiphorn.wiring import open_executor, open_store  # noqa: PLC0415

        app = self.app
        with open_store() as store, open_executor() as executor:
            return queue(store, app, executor.lives)

    def why(self, order: Order) -> Why:
        """Ask all gates."""
        return terminal.run(_why(self.config, order))

    def approve(self, subject: int | Order, reason: str, *, withdraw: bool) -> Approval | None:
        """Approve a deploy of any app, or a commit of this one."""
        from shiphorn.cli.approving_here import approve  # noqa: PLC0415

        config = None if isinstance(subject, int) else self.config
        return terminal.run(approve(config, subject, self.actor, reason, withdraw=withdraw))

    def auto(self) -> list[AutoStanding]:
        """What is on record here."""
        return auto_here.standings(self.config)

    def auto_stop(self, environment: str, reason: str) -> None:
        """Put it on record for the services that work on the databases here."""
        auto_here.stop(self.config, self.actor, environment, reason)

    def auto_resume(self, environment: str, reason: str) -> None:
        """Take that back."""
        auto_here.resume(self.config, self.actor, environment, reason)

    def check(self) -> Checked:
        """Load the config, and ask all inventories."""
        from shiphorn.model.redact import without_password  # noqa: PLC0415
        from shiphorn.model.target import Selection  # noqa: PLC0415

        config = self.config
        found = {name: terminal.run(_members(config, name, Selection())) for name in config.environments}
        return Checked(
            str(config.path),
            config.app,
            without_password(config.repo),
            config.branch,
            [
                Place(
                    name,
                    config.environment(name).build,
                    members,
                    [config.checks(name, one.host) for one in members],
                )
                for name, members in found.items()
            ],
        )

    def explain(self, environment: str, host: str, key: str) -> list[Explained]:
        """Look through the layers; a host that is left out gives its place to the key."""
        from shiphorn.model.target import Selection  # noqa: PLC0415

        config = self.config
        config.environment(environment)
        if not host:
            return config.explain(environment, None, key)
        found = terminal.run(_members(config, environment, Selection()))
        chosen = next((one.host for one in found if one.host.name == host), None)
        if chosen is not None:
            return config.explain(environment, chosen, key)
        if not key:
            # `explain ENV KEY`, the host left out.
            with suppress(ConfigError):
                return config.explain(environment, None, host)
        raise Refused(
            "SH528", f"{environment} has no host {host}.", hint=f"See them: horn hosts {environment}"
        )


async def ship(
    config: Config, order: Order, console: Console | None, *, mute: bool, wait: bool = True
) -> Ended:
    """Carry out an order in front of a person: how it ended."""
    from shiphorn.cli.horn import sounding  # noqa: PLC0415
    from shiphorn.cli.progress import progress_to  # noqa: PLC0415
    from shiphorn.model.locks import Scope  # noqa: PLC0415
    from shiphorn.service.hosts.fleet import listed  # noqa: PLC0415
    from shiphorn.wiring import open_shipping, open_world  # noqa: PLC0415

    environment = config.environment(order.environment)
    with progress_to(console) as tell:
        ahead = listed(config, order.environment, order.selection)
        async with (
            sounding(wanted=environment.sound and not mute),
            open_world(tell, ahead) as world,
            open_shipping(world) as shipping,
        ):
            record = shipping.record(config, order, wait=wait)
            facts = {"ref": order.ref, "hosts": str(order.selection), "forced": order.forced}
            scope = Scope(order.app, order.environment)
            _audit(world.store, order.actor, str(order.kind), scope, order.forced, deploy=record.id, **facts)
            ended = await _with_interrupts(shipping, record, shipping.run(record))
            return Ended(ended, world.store.hosts.of_deploy(ended.id))


async def status(config: Config, environment: str, selected: Selection) -> EnvironmentStatus:
    """What an environment runs."""
    from shiphorn.service.hosts.fleet import status as ask  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        return await ask(world, config, environment, selected)


async def _plan(config: Config, order: Order) -> Plan:
    from shiphorn.deploy.plan import make  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        return await make(world, config, order)


async def _converge(
    config: Config, environment: str, selected: Selection, console: Console | None, actor: str
) -> list[Ended]:
    orders = await _lacking(config, environment, selected, actor)
    return [await ship(config, order, console, mute=True) for order in orders]


async def _lacking(config: Config, environment: str, selected: Selection, actor: str) -> list[Order]:
    from shiphorn.service.hosts.fleet import behind  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        return await behind(world, config, environment, selected, actor)


async def _resume(deploy_id: int | None, console: Console | None) -> list[Ended]:
    from shiphorn.cli.progress import progress_to  # noqa: PLC0415
    from shiphorn.service.records import get  # noqa: PLC0415
    from shiphorn.wiring import open_shipping, open_world  # noqa: PLC0415

    with progress_to(console) as tell:
        async with open_world(tell) as world, open_shipping(world) as shipping:
            results = []
            for record in shipping.left() if deploy_id is None else [get(world.store, deploy_id)]:
                if deploy_id is None and not get(world.store, record.id).state.active:
                    # One that was resumed before it ended it.
                    continue
                ended = await _with_interrupts(shipping, record, shipping.resume(record.id))
                results.append(Ended(ended, world.store.hosts.of_deploy(ended.id)))
            return results


async def _with_interrupts(shipping: Shipping, record: Deploy, work: Coroutine[Any, Any, Deploy]) -> Deploy:
    """Ctrl-C asks the deploy to stop; a second one leaves at once, and says how to go on."""
    import asyncio  # noqa: PLC0415

    from shiphorn.adapters.programs import kill_started  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    asked = False

    def on_interrupt() -> None:
        nonlocal asked
        if asked:
            kill_started()
            if sys.stdout.isatty():
                sys.stdout.write(SHOW_CURSOR)
            typer.echo(
                f"\nLeft deploy {record.id} where it is. Bring it to its end: horn resume {record.id}\n"
                "If no host had switched yet, the next deploy takes over by itself.",
                err=True,
            )
            sys.stdout.flush()
            os._exit(130)
        asked = True
        shipping.stop(record.id, record.order.actor)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_interrupt)
    try:
        return await work
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _releases(config: Config, environment: str, selected: Selection) -> Kept:
    from shiphorn.service.hosts import fleet  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        now = await fleet.status(world, config, environment, selected)
        return Kept(now, fleet.releases(world, config, now))


async def _members(config: Config, environment: str, selected: Selection) -> list[Member]:
    from shiphorn.service.hosts.fleet import members  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        return await members(world, config, environment, selected)


async def _examine(config: Config, environment: str, actor: str) -> list[Check]:
    from shiphorn.service.hosts.doctor import examine  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        return [check async for check in examine(world, config, environment, actor)]


async def _execute(
    config: Config, environment: str, selected: Selection, text: str, timeout_seconds: float, user: str
) -> list[tuple[Host, CommandOutput | Problem]]:
    from shiphorn.model.locks import Scope  # noqa: PLC0415
    from shiphorn.service.hosts.fleet import execute  # noqa: PLC0415
    from shiphorn.wiring import actor, open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        scope, hosts = Scope(config.app, environment), str(selected)
        _audit(world.store, actor(), "exec", scope, "", command=text, user=user, hosts=hosts)
        return await execute(
            world, config, environment, selected, text, timeout_seconds=timeout_seconds, user=user
        )


async def _mark(config: Config, ref: str, reason: str, actor: str, *, clear: bool) -> Commit:
    from shiphorn.model.locks import Scope  # noqa: PLC0415
    from shiphorn.service import marks  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        if clear:
            commit = await marks.clear(world, config, ref, reason, actor)
        else:
            commit, _ = await marks.mark(world, config, ref, reason, actor)
        act = "clear bad mark" if clear else "mark bad"
        _audit(world.store, actor, act, Scope(config.app), reason, sha=commit.sha)
        return commit


async def _report(config: Config, ref: str, said: Report, actor: str) -> CommitStatus:
    from shiphorn.model.locks import Scope  # noqa: PLC0415
    from shiphorn.service.builds.reporting import put  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        made = await put(world, config, ref, said)
        facts = {"sha": made.sha, "context": made.context, "state": made.state.value}
        _audit(world.store, actor, "report build", Scope(config.app), "", **facts)
        return made


async def _builds(config: Config, ref: str) -> BuildStanding:
    from shiphorn.service.builds.reporting import look  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        return await look(world, config, ref)


async def _why(config: Config, order: Order) -> Why:
    from shiphorn.service.gates import why as ask  # noqa: PLC0415
    from shiphorn.wiring import open_executor, open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        with open_executor() as executor:
            return await ask(world, config, order, executor.lives)


def _audit(store: Store, actor: str, act: str, scope: Scope, reason: str, **facts: Any) -> None:
    """Write down what was done here, as a service does of what is done there."""
    from shiphorn.model.people import local  # noqa: PLC0415
    from shiphorn.service.audit import record  # noqa: PLC0415

    record(store, local(actor), act, scope, time.time(), reason=reason, facts=facts)
