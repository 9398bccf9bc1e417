"""endpoint create, list, extend, remove, prune: branches with an environment and a URL of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.desk import desk_for
from shiphorn.cli.terminal import ConfigOption, JsonOption, LocalOption, OfOption
from shiphorn.errors import ConnectError, DeployFailed, Refused

if TYPE_CHECKING:
    from shiphorn.model.endpoints import Endpoint

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Its name, or its branch; see: horn endpoint list")
]
TtlOption = Annotated[
    str, typer.Option("--ttl", metavar="SPAN", help="How long it stays: 12h, 3d; the config's if left out.")
]


def create(
    branch: Annotated[str, typer.Argument(metavar="BRANCH", help="Branch that gets one.")],
    ttl: TtlOption = "",
    environment: Annotated[
        str,
        typer.Option(
            "--environment", "-e", metavar="ENV", help="On whose hosts; the only one that has endpoints."
        ),
    ] = "",
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Give a branch an endpoint and deploy it there; one that it has stays longer, and is deployed again."""
    from shiphorn.cli.show import show_end  # noqa: PLC0415
    from shiphorn.model.deploy import DeployState  # noqa: PLC0415
    from shiphorn.model.times import ahead  # noqa: PLC0415

    desk, seconds = desk_for(config, of, local=local), _seconds(ttl)
    made = desk.endpoint_create(branch, environment, seconds, None if as_json else terminal.console())
    went_well = made.ended.deploy.state == DeployState.SUCCEEDED
    if as_json:
        terminal.print_json(made)
    else:
        show_end(terminal.console(), made.ended.deploy, made.ended.hosts)
        name, until = made.endpoint.full_name, ahead(made.endpoint.expires_at, time.time())
        if went_well:
            typer.secho(made.endpoint.url, bold=True)
            typer.echo(f"  {branch} is there as {name}, until {until}.")
        else:
            typer.echo(f"  {name} is on record until {until}, and has not got this release.")
        typer.secho(f"  Remove it: horn endpoint remove {made.endpoint.name}", fg="cyan")
    if not went_well:
        raise SystemExit(DeployFailed.exit_status)


def list_(
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """The endpoints of the app: where each is reached, what it runs, and until when."""
    found = desk_for(config, of, local=local).endpoints()
    if as_json:
        terminal.print_json(found)
        return
    from shiphorn.cli.show_endpoints import show_endpoints  # noqa: PLC0415

    show_endpoints(terminal.console(), found, time.time())


def extend(
    name: NameArgument,
    ttl: TtlOption = "",
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Let an endpoint stay for so long from now on."""
    from shiphorn.model.times import ahead  # noqa: PLC0415

    found = desk_for(config, of, local=local).endpoint_extend(name, _seconds(ttl))
    if as_json:
        terminal.print_json(found)
        return
    typer.echo(f"{found.full_name} stays until {ahead(found.expires_at, time.time())}.")


def remove(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is on record.")] = "",
    forget: Annotated[
        bool,
        typer.Option("--forget", help="It counts as gone at once, whatever hosts that are gone still hold."),
    ] = False,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Take an endpoint off its hosts: its last commands run, its vhost and its directory go."""
    found = desk_for(config, of, local=local).endpoint_remove(name, reason, forget=forget)
    _told([found], "", as_json=as_json)


def prune(
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Take off what has expired, and what could not be taken off before; a service does so by itself."""
    found = desk_for(config, of, local=local).endpoint_prune()
    _told(found, "Nothing has expired.", as_json=as_json)


def _told(found: Sequence[Endpoint], nothing: str, *, as_json: bool) -> None:
    """Say what is gone, and what stays and why. What stays makes the command fail."""
    from shiphorn.model.endpoints import EndpointState  # noqa: PLC0415

    if as_json:
        terminal.print_json(found)
    elif not found:
        typer.echo(nothing)
    else:
        for one in found:
            if one.state == EndpointState.GONE:
                typer.echo(f"{one.full_name} is gone.")
            else:
                typer.secho(
                    f"{one.full_name} is not gone yet: {one.problem or 'it is being removed'}", fg="yellow"
                )
                typer.secho(
                    "  It is tried again: by the service, or by horn endpoint prune. Of hosts that will not "
                    f"come back: horn endpoint remove {one.name} --forget",
                    fg="cyan",
                )
    if any(one.problem for one in found):
        raise SystemExit(ConnectError.exit_status)


def _seconds(text: str) -> float | None:
    from shiphorn.model.times import seconds_of  # noqa: PLC0415

    if not text:
        return None
    found = seconds_of(text)
    if found is None:
        raise Refused("SH934", f'"{text}" is no span of time.', hint="Write 12h, 3d or 2w.")
    return found
