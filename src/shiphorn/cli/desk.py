"""Where commands put orders and questions: this machine, or a service. Commands parse, ask here, and show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

    from shiphorn.cli.answers import Branched, Checked, Ended, Kept, Printed, Unlocked
    from shiphorn.config.layers import Explained
    from shiphorn.deploy.plan import Plan
    from shiphorn.model.approvals import Approval
    from shiphorn.model.deploy import CommandOutput, Deploy, Order, Problem, Wish
    from shiphorn.model.endpoints import Endpoint
    from shiphorn.model.locks import BadMark, Lock, Scope
    from shiphorn.model.release import Commit
    from shiphorn.model.statuses import CommitStatus
    from shiphorn.model.target import Host, Selection
    from shiphorn.service.auto.standing import AutoStanding
    from shiphorn.service.builds.reporting import BuildStanding, Report
    from shiphorn.service.endpoints.listed import Standing
    from shiphorn.service.gates import UnderWay, Why
    from shiphorn.service.hosts.doctor import Check
    from shiphorn.service.hosts.fleet import EnvironmentStatus, Member
    from shiphorn.service.locks import Placed


class Desk(Protocol):
    """Takes orders and answers questions about one app. All raise ShiphornErrors."""

    @property
    def app(self) -> str:
        """The app that is meant."""

    @property
    def actor(self) -> str:
        """Who gives the orders; "" where the other side knows."""

    def branch(self, app: str) -> str:
        """What is deployed of an app when nothing else is named."""

    def scope(self, environment: str) -> Scope:
        """An environment of the app, or all of it."""

    def lacking(self, environment: str, selected: Selection) -> list[Order]:
        """What a converge would order: one a release."""
        ...

    def plan(self, order: Order) -> Plan:
        """What an order would do."""

    def ship(self, order: Order, console: Console | None, *, mute: bool, wait: bool) -> Ended:
        """Carry out an order in front of a person; without a console in silence."""

    def converge(self, environment: str, selected: Selection, console: Console | None) -> list[Ended]:
        """Bring hosts to the release that they should run: a deploy for each release that hosts lack."""

    def resume(self, deploy_id: int | None, console: Console | None) -> list[Ended]:
        """Bring a deploy to its end whose process died, or all of them."""

    def ask(self, deploy_id: int, wish: Wish) -> None:
        """Say something to a deploy under way."""

    def pause_everything(self, reason: str) -> int:
        """Lock everything and hold all deploys: how many were asked."""

    def continue_everything(self) -> int:
        """Take that back: how many go on."""

    def status(self, environment: str, selected: Selection) -> list[EnvironmentStatus]:
        """What the hosts of an environment run, asked now; of all environments without one."""

    def releases(self, environment: str, selected: Selection) -> Kept:
        """The releases that hosts keep."""

    def history(self, environment: str, limit: int) -> Sequence[Deploy]:
        """The last deploys, newest first."""

    def printed(self, deploy_id: int, host: str | None, search: str) -> Printed:
        """What the commands of a deploy printed; of the last one for 0."""

    def members(self, environment: str, selected: Selection) -> Sequence[Member]:
        """The hosts of an environment, by its inventories, now."""

    def doctor(self, environment: str) -> Sequence[Check]:
        """Whether everything is there that a deploy needs."""

    def execute(
        self, environment: str, selected: Selection, command: str, timeout_seconds: float, user: str
    ) -> Sequence[tuple[Host, CommandOutput | Problem]]:
        """Run a command on hosts: what each printed, or why it could not."""

    def lock(self, scope: Scope, reason: str, until: float | None, *, steal: bool) -> Placed:
        """Place a lock."""

    def unlock(self, scope: Scope, reason: str) -> Unlocked:
        """Release the locks on a scope."""

    def locks(self, *, history: bool) -> Sequence[Lock]:
        """The locks in force, or the last ones of all."""

    def marks(self) -> Sequence[BadMark]:
        """The commits that are marked bad."""

    def mark(self, ref: str, reason: str, *, clear: bool) -> Commit:
        """Mark a commit bad, or take the mark off."""

    def report(self, ref: str, said: Report) -> CommitStatus:
        """Report how a build of a commit stands."""

    def builds(self, ref: str) -> BuildStanding:
        """What is said of a commit; of the head of the app's branch for ""."""

    def queue(self) -> Sequence[UnderWay]:
        """The deploys that are not over."""

    def why(self, order: Order) -> Why:
        """Whether an order would be carried out now."""

    def approve(self, subject: int | Order, reason: str, *, withdraw: bool) -> Approval | None:
        """Approve a deploy by its number, or a commit; or take that back, which gives None."""

    def endpoint_create(
        self, branch: str, environment: str, ttl_seconds: float | None, console: Console | None
    ) -> Branched:
        """Give a branch an endpoint, and deploy it there."""

    def endpoints(self) -> Sequence[Standing]:
        """The endpoints of the app."""

    def endpoint_extend(self, name: str, ttl_seconds: float | None) -> Endpoint:
        """Let an endpoint stay longer."""

    def endpoint_remove(self, name: str, reason: str, *, forget: bool) -> Endpoint:
        """Take an endpoint off its hosts: how far that got."""

    def endpoint_prune(self) -> Sequence[Endpoint]:
        """Take off what has expired, and what could not be taken off before."""

    def auto(self) -> Sequence[AutoStanding]:
        """What the app's environments deploy by themselves."""

    def auto_stop(self, environment: str, reason: str) -> None:
        """Let nothing go out to one by itself."""

    def auto_resume(self, environment: str, reason: str) -> None:
        """Let things go out to it by themselves again."""

    def check(self) -> Checked:
        """The config, and what each host gets by it."""

    def explain(self, environment: str, host: str, key: str) -> Sequence[Explained]:
        """Each value that holds for a host, and where it comes from."""


def desk_for(config: Path | None = None, of: str = "", *, local: bool = False) -> Desk:
    """The desk that commands go to: the service that this person is signed in to, else this machine.

    `of` names the app. Raises ConfigError SH161, SH162.
    """
    from shiphorn.cli.services import current  # noqa: PLC0415

    found = None if local else current()
    if found is not None:
        from shiphorn.cli.desk_there import There  # noqa: PLC0415

        return There(found, config, of)
    from shiphorn.cli.desk_here import Here  # noqa: PLC0415

    return Here(config, of)
