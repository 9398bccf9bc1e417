"""The hosts of an environment: asked now, and commands on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from shiphorn.model.deploy import CommandOutput, Deploy, Problem
from shiphorn.model.target import Host, Selection
from shiphorn.service import orders, questions
from shiphorn.service.hosts.doctor import Check
from shiphorn.service.hosts.fleet import EnvironmentStatus, Member
from shiphorn.service.questions import Kept
from shiphorn.web.api.given import SELECTED, Selected
from shiphorn.web.given import TheCaller, TheService

PLACE = "/apps/{app:str}/environments/{environment:str}"


@dataclass
class ConvergeBody:
    """Which hosts; all that are behind if nothing is selected."""

    selection: Selection = field(default_factory=Selection)


@dataclass
class ExecBody:
    """A shell command, for the live release of each host. `user` is another account, by sudo."""

    command: Annotated[str, Meta(min_length=1)]
    selection: Selection = field(default_factory=Selection)
    user: str = ""
    timeout_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 600.0


@dataclass(frozen=True)
class Ran:
    """What a command printed on a host, or why it could not run."""

    host: Host
    output: CommandOutput | None
    problem: Problem | None


@dataclass(frozen=True)
class Examined:
    """Whether everything is there that a deploy needs."""

    well: bool
    checks: Sequence[Check]


@get(f"{PLACE}/status", dependencies=SELECTED)
async def status(
    service: TheService, caller: TheCaller, app: FromPath[str], environment: FromPath[str], selected: Selected
) -> EnvironmentStatus:
    """What the hosts run, asked now."""
    return await orders.status(service, caller, app, environment, selected)


@get(f"{PLACE}/releases", dependencies=SELECTED)
async def releases(
    service: TheService, caller: TheCaller, app: FromPath[str], environment: FromPath[str], selected: Selected
) -> Kept:
    """The releases that the hosts keep, newest first, asked now."""
    return await questions.releases(service, caller, app, environment, selected)


@get(f"{PLACE}/hosts", dependencies=SELECTED)
async def hosts(
    service: TheService, caller: TheCaller, app: FromPath[str], environment: FromPath[str], selected: Selected
) -> list[Member]:
    """The hosts that the inventory has now, with their settings."""
    return await questions.hosts(service, caller, app, environment, selected)


@get(f"{PLACE}/doctor")
async def doctor(
    service: TheService, caller: TheCaller, app: FromPath[str], environment: FromPath[str]
) -> Examined:
    """Whether everything is there that a deploy needs; changes nothing."""
    checks = await questions.doctor(service, caller, app, environment)
    return Examined(all(one.well for one in checks), checks)


@post(f"{PLACE}/converge", status_code=200)
async def converge(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    environment: FromPath[str],
    data: JSONBody[ConvergeBody],
) -> list[Deploy]:
    """Order what brings hosts that are behind to the release that they should run."""
    return await orders.converge(service, caller, app, environment, data.selection)


@post(f"{PLACE}/exec", status_code=200)
async def execute(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    environment: FromPath[str],
    data: JSONBody[ExecBody],
) -> list[Ran]:
    """Run a command in the live release of each host. It is written to the audit log."""
    found = await orders.execute(
        service,
        caller,
        app,
        environment,
        data.selection,
        data.command,
        timeout_seconds=data.timeout_seconds,
        user=data.user,
    )
    return [Ran(host, None, one) if isinstance(one, Problem) else Ran(host, one, None) for host, one in found]


ROUTES = (status, releases, hosts, doctor, converge, execute)
