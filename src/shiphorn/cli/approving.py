"""approve: to say that a deploy may go out which wants the word of others."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.desk import desk_for
from shiphorn.cli.terminal import (
    ConfigOption,
    HostsOption,
    JsonOption,
    LocalOption,
    OfOption,
    RegionOption,
    RoleOption,
    ZoneOption,
)
from shiphorn.errors import Refused


def approve(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="DEPLOY | [APP] ENV REF",
            help="The number of a deploy that waits; or an environment and a commit, ahead of its deploy.",
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Others will read it.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take your approval back.")] = False,
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Approve a deploy of somebody else, or a commit ahead of its deploy."""
    from shiphorn.model.deploy import Order  # noqa: PLC0415
    from shiphorn.model.times import ahead  # noqa: PLC0415

    number, app, environment, ref = understood(words)
    desk = desk_for(config, app or of, local=local)
    subject: int | Order = number or Order(
        desk.app, environment, ref=ref, selection=terminal.selection(region, zone, role, hosts)
    )
    given = desk.approve(subject, reason, withdraw=withdraw)
    if as_json:
        terminal.print_json(given)
    elif given is None:
        typer.echo(f"Your approval of {' '.join(words)} does not count any more.")
    else:
        until = ahead(given.expires_at, time.time())
        what = f"{given.sha[:8]} of {given.app} for {given.environment}, {given.selection}"
        typer.echo(f"Approved {what}. It counts until {until}.")


def understood(words: list[str]) -> tuple[int, str, str, str]:
    """(deploy, app, environment, ref), 0 and "" for what is left out. Raises Refused SH905."""
    match [word for word in words if word != "to"]:
        case [one] if one.isascii() and one.isdecimal() and 0 < int(one) < 1 << 31:
            return int(one), "", "", ""
        case [environment, ref]:
            return 0, "", environment, ref
        case [app, environment, ref]:
            return 0, app, environment, ref
        case _:
            raise Refused(
                "SH905",
                f'"{" ".join(words)}" is not understood.',
                hint="Write: horn approve DEPLOY, or horn approve APP ENVIRONMENT COMMIT",
            )
