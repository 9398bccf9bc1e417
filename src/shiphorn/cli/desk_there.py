"""A service as the desk: every command is a call of its API, and a deploy is followed as it goes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shiphorn.cli import terminal
from shiphorn.cli.answers import Checked, Ended, Kept, Place, Printed, Unlocked
from shiphorn.cli.approving_there import ApprovesThere
from shiphorn.cli.endpoints_there import EndpointsThere
from shiphorn.cli.following import follow, give
from shiphorn.cli.horn import sounding
from shiphorn.cli.services import SignedIn
from shiphorn.cli.wire import Talk, Wire, made, part
from shiphorn.config.layers import Explained
from shiphorn.config.load import find
from shiphorn.config.positions import read
from shiphorn.deploy.plan import Plan
from shiphorn.errors import ConfigError, Refused
from shiphorn.model.deploy import CommandOutput, Deploy, HostRun, Order, Problem, Wish
from shiphorn.model.endpoints import base_of
from shiphorn.model.health import Check as HealthCheck
from shiphorn.model.locks import BadMark, Lock, Scope
from shiphorn.model.release import Commit
from shiphorn.model.settings import Command
from shiphorn.model.statuses import CommitStatus
from shiphorn.model.target import Host, Selection
from shiphorn.service.auto.standing import AutoStanding
from shiphorn.service.builds.reporting import BuildStanding, Report
from shiphorn.service.gates import UnderWay, Why
from shiphorn.service.hosts.doctor import Check
from shiphorn.service.hosts.fleet import EnvironmentStatus, KeptRelease, Member, what_lacks
from shiphorn.service.locks import Placed

if TYPE_CHECKING:
    from rich.console import Console


class There(ApprovesThere, EndpointsThere):
    """Orders and questions go to a service, which knows who gives them by their token."""

    actor = ""

    def __init__(self, service: SignedIn, path: Path | None, of: str) -> None:
        self._service = service
        self._wire = Wire(service.url, service.token)
        self._path = path
        self._of = of

    @cached_property
    def app(self) -> str:
        """The app that is named, else that of deploy.yml here, else the only one. Raises SH169."""
        if self._of:
            return self._of
        path = self._path
        if path is None:
            with suppress(ConfigError):
                path = find(Path.cwd())
        if path is not None:
            return _app_of(path)
        names = [one["app"] for one in self._wire.get("/apps")]
        if len(names) == 1:
            return str(names[0])
        raise ConfigError(
            "SH169",
            f"there is no deploy.yml here, and it is not said which app of {self._service.url} is meant.",
            hint=f"Name it with --of APP: {', '.join(names)}" if names else "You see no app there.",
        )

    def branch(self, app: str) -> str:
        """What the service deploys of an app."""
        return str(self._wire.get(f"/apps/{part(app)}")["branch"])

    def scope(self, environment: str) -> Scope:
        """An environment of the app, or all of it. Raises ConfigError SH110 when there is none."""
        found = self._wire.get(f"/apps/{part(self.app)}")["environments"]
        if environment and base_of(environment) not in found:
            raise ConfigError(
                "SH110", f"there is no environment {environment}.", hint=f"There are {', '.join(found)}."
            )
        return Scope(self.app, environment)

    def plan(self, order: Order) -> Plan:
        """What an order would do."""
        return made(Plan, self._wire.post("/plan?scripts=true", _ordered(order)))

    def lacking(self, environment: str, selected: Selection) -> list[Order]:
        """What a converge would order."""
        path = f"{self._place(environment)}/status"
        now = made(EnvironmentStatus, self._wire.get(path, **_selection(selected)))
        return what_lacks(self.app, now, self.actor)

    def ship(self, order: Order, console: Console | None, *, mute: bool, wait: bool) -> Ended:
        """Give an order, and follow it."""

        async def aloud() -> Ended:
            async with sounding(wanted=not mute and sys.stdout.isatty() and self._sounds(order)):
                return await give(self._wire, _ordered(order) | {"wait": wait}, console)

        return terminal.run(aloud())

    def _sounds(self, order: Order) -> bool:
        """Whether the horn sounds for a deploy there, and for who orders it."""
        found = self._wire.get(f"/apps/{part(order.app)}")
        return order.environment in found["sounding"] and not self._wire.get("/me")["muted"]

    def converge(self, environment: str, selected: Selection, console: Console | None) -> list[Ended]:
        """Order what hosts lack, and follow it."""
        body = {"selection": _selection(selected)}
        deploys = made(list[Deploy], self._wire.post(f"{self._place(environment)}/converge", body))
        return [terminal.run(follow(self._wire, one.id, console)) for one in deploys]

    def resume(self, deploy_id: int | None, console: Console | None) -> list[Ended]:
        """Follow a deploy; the service goes on by itself with those whose process died."""
        if deploy_id is None:
            return []
        deploy = self._deploy(deploy_id)
        if not deploy.state.active:
            raise Refused("SH523", f"deploy {deploy_id} has ended already: it {deploy.state}.")
        return [terminal.run(follow(self._wire, deploy_id, console))]

    def ask(self, deploy_id: int, wish: Wish) -> None:
        """Say something to a deploy under way."""
        self._wire.post(f"/deploys/{deploy_id}/wish", {"wish": str(wish)})

    def pause_everything(self, reason: str) -> int:
        """Lock everything and hold all deploys."""
        return int(self._wire.post("/pause", {"reason": reason})["deploys"])

    def continue_everything(self) -> int:
        """Take that back."""
        return int(self._wire.post("/continue", {"reason": ""})["deploys"])

    def status(self, environment: str, selected: Selection) -> list[EnvironmentStatus]:
        """Have the service ask the hosts."""
        app = self.app
        names = [environment] if environment else self._wire.get(f"/apps/{part(app)}")["environments"]
        return [
            made(EnvironmentStatus, self._wire.get(f"{self._place(one)}/status", **_selection(selected)))
            for one in names
        ]

    def releases(self, environment: str, selected: Selection) -> Kept:
        """What hosts keep."""
        found = self._wire.get(f"{self._place(environment)}/releases", **_selection(selected))
        return Kept(self.status(environment, selected)[0], made(list[KeptRelease], found["releases"]))

    def history(self, environment: str, limit: int) -> Sequence[Deploy]:
        """The last deploys of the app, newest first."""
        return terminal.run(self._history(self.app, environment, limit))

    def printed(self, deploy_id: int, host: str | None, search: str) -> Printed:
        """What is on record of a deploy."""
        if not deploy_id:
            last = self._wire.get("/deploys", app=self.app, limit=1)["items"]
            if not last:
                raise Refused(
                    "SH533",
                    f"no deploy of {self.app} is on record.",
                    hint="Deploy it: horn deploy ENVIRONMENT",
                )
            deploy_id = last[0]["id"]
        deploy = self._deploy(deploy_id)
        found = self._wire.get(f"/deploys/{deploy_id}/outputs", host=host, q=search)
        outputs = [(one["host"], made(CommandOutput, one["output"])) for one in found]
        return Printed(deploy, outputs, self._runs(deploy_id))

    def members(self, environment: str, selected: Selection) -> Sequence[Member]:
        """The hosts of an environment."""
        return made(list[Member], self._wire.get(f"{self._place(environment)}/hosts", **_selection(selected)))

    def doctor(self, environment: str) -> Sequence[Check]:
        """Whether the service answers, and what it finds in an environment."""
        me, app = self._wire.get("/me"), self._wire.get(f"/apps/{part(self.app)}")
        checks = [
            Check("service", True, f"{self._service.url} knows you as {me['name']}"),
            Check("app", True, f"{app['app']} in {', '.join(app['environments'])}"),
        ]
        if environment:
            checks += made(list[Check], self._wire.get(f"{self._place(environment)}/doctor")["checks"])
        return checks

    def execute(
        self, environment: str, selected: Selection, command: str, timeout_seconds: float, user: str
    ) -> Sequence[tuple[Host, CommandOutput | Problem]]:
        """Have the service run a command on hosts."""
        body = {
            "command": command,
            "selection": _selection(selected),
            "timeout_seconds": timeout_seconds,
            "user": user,
        }
        found = self._wire.post(f"{self._place(environment)}/exec", body)
        return [
            (
                made(Host, one["host"]),
                made(CommandOutput, one["output"]) if one["output"] else made(Problem, one["problem"]),
            )
            for one in found
        ]

    def lock(self, scope: Scope, reason: str, until: float | None, *, steal: bool) -> Placed:
        """Place a lock."""
        body = _scope(scope) | {"reason": reason, "until": until, "steal": steal}
        return made(Placed, self._wire.post("/locks", body))

    def unlock(self, scope: Scope, reason: str) -> Unlocked:
        """Release the locks on a scope."""
        released = self._wire.post("/locks/release", _scope(scope) | {"reason": reason})
        still = [one for one in self.locks(history=False) if one.scope.covers(scope)]
        return Unlocked(made(list[Lock], released), still)

    def locks(self, *, history: bool) -> Sequence[Lock]:
        """The locks that the caller sees."""
        return made(list[Lock], self._wire.get("/locks", history="true" if history else ""))

    def marks(self) -> Sequence[BadMark]:
        """The marks of the app."""
        return made(list[BadMark], self._wire.get(f"/apps/{part(self.app)}/bad"))

    def mark(self, ref: str, reason: str, *, clear: bool) -> Commit:
        """Mark a commit, or take the mark off."""
        path, body = f"/apps/{part(self.app)}/bad", {"ref": ref, "reason": reason}
        if clear:
            return made(Commit, self._wire.post(f"{path}/clear", body))
        return made(Commit, self._wire.post(path, body)["commit"])

    def report(self, ref: str, said: Report) -> CommitStatus:
        """Tell the service."""
        return made(CommitStatus, self._wire.post(self._statuses(ref), asdict(said)))

    def builds(self, ref: str) -> BuildStanding:
        """What the service knows."""
        return made(BuildStanding, self._wire.get(self._statuses(ref)))

    def _statuses(self, ref: str) -> str:
        named = ref or self.branch(self.app)
        if "/" in named:
            raise Refused("SH919", f"{named} cannot be asked about from here.", hint="Name the commit's id.")
        return f"/apps/{part(self.app)}/commits/{part(named)}/statuses"

    def queue(self) -> Sequence[UnderWay]:
        """The deploys of the app that are not over."""
        return made(list[UnderWay], self._wire.get("/queue", app=self.app))

    def why(self, order: Order) -> Why:
        """What the gates say."""
        return made(Why, self._wire.post("/why", _ordered(order)))

    def auto(self) -> Sequence[AutoStanding]:
        """What the app's environments deploy by themselves."""
        return made(list[AutoStanding], self._wire.get("/auto", app=self.app))

    def auto_stop(self, environment: str, reason: str) -> None:
        """Let nothing go out to one by itself."""
        self._wire.post(f"{self._place(environment)}/auto/stop", {"reason": reason})

    def auto_resume(self, environment: str, reason: str) -> None:
        """Let things go out to it by themselves again."""
        self._wire.post(f"{self._place(environment)}/auto/resume", {"reason": reason})

    def check(self) -> Checked:
        """The config that the service goes by."""
        path = f"/apps/{part(self.app)}"
        app, found = self._wire.get(path), self._wire.get(f"{path}/check")
        places = [
            Place(
                name,
                made(list[Command], hosts[0].get("build", [])) if hosts else (),
                made(list[Member], hosts),
                [made(list[HealthCheck], one["checks"]) for one in hosts],
            )
            for name, hosts in found.items()
        ]
        return Checked(self._service.url, app["app"], app["repo"], app["branch"], places)

    def explain(self, environment: str, host: str, key: str) -> Sequence[Explained]:
        """Where the values of a host come from; a host that is left out gives its place to the key."""
        path = f"{self._place(environment)}/explain"
        try:
            return made(list[Explained], self._wire.get(path, host=host, key=key))
        except Refused as error:
            if error.code == "SH528" and host and not key:
                with suppress(ConfigError):
                    return made(list[Explained], self._wire.get(path, key=host))
            raise

    def _place(self, environment: str) -> str:
        return f"/apps/{part(self.app)}/environments/{part(environment)}"

    def _deploy(self, deploy_id: int) -> Deploy:
        return made(Deploy, self._wire.get(f"/deploys/{deploy_id}"))

    def _runs(self, deploy_id: int) -> list[HostRun]:
        return made(list[HostRun], self._wire.get(f"/deploys/{deploy_id}/hosts"))

    async def _history(self, app: str, environment: str, limit: int) -> list[Deploy]:
        deploys: list[Deploy] = []
        async with Talk(self._wire) as talk:
            more: dict[str, Any] = {}
            while len(deploys) < limit:
                page = await talk.get(
                    "/deploys/whole",
                    app=app,
                    environment=environment,
                    limit=min(200, limit - len(deploys)),
                    **more,
                )
                deploys += made(list[Deploy], page["items"])
                if page["next"] is None:
                    break
                more = {"before": page["next"]}
        return deploys


def _ordered(order: Order) -> dict[str, Any]:
    return {
        "app": order.app,
        "environment": order.environment,
        "kind": str(order.kind),
        "ref": order.ref,
        "selection": _selection(order.selection),
        "reason": order.reason,
        "force": order.forced,
    }


def _selection(selected: Selection) -> dict[str, list[str]]:
    return {name: list(values) for name, values in asdict(selected).items()}


def _scope(scope: Scope) -> dict[str, str]:
    return {"app": scope.app, "environment": scope.environment}


def _app_of(path: Path) -> str:
    """The app that a deploy.yml is of; the service has the config that counts. Raises ConfigError."""
    try:
        data, _ = read(path.read_text(), path)
    except FileNotFoundError as error:
        raise ConfigError("SH100", f"there is no {path}.", hint="Name the app with --of APP.") from error
    return str(data.get("app") or "")
