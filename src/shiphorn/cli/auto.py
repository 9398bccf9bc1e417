"""auto status, auto stop, auto resume: what goes out by itself."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.desk import desk_for
from shiphorn.cli.terminal import ConfigOption, JsonOption, LocalOption, OfOption

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENV", help="Environment.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; others will read it.")]


def status(
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """What each environment deploys by itself, and what it waits for."""
    desk = desk_for(config, of, local=local)
    found = desk.auto()
    if as_json:
        terminal.print_json(found)
        return
    from shiphorn.cli.show_auto import show_auto  # noqa: PLC0415

    show_auto(terminal.console(), found, time.time())


def stop(
    environment: EnvironmentArgument,
    reason: ReasonOption = "",
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Let nothing go out by itself until somebody resumes it."""
    desk_for(config, of, local=local).auto_stop(environment, reason)
    typer.echo(f"Nothing goes out to {environment} by itself any more: {reason}")
    typer.secho(f"  Let it go on: horn auto resume {environment}", fg="cyan")


def resume(
    environment: EnvironmentArgument,
    reason: ReasonOption = "",
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Let things go out by themselves again, once somebody has looked; what failed is tried again."""
    desk_for(config, of, local=local).auto_resume(environment, reason)
    typer.echo(f"{environment} deploys by itself again.")
