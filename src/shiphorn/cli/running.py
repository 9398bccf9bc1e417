"""exec and host trust: the commands about single hosts and single commands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from shiphorn.adapters.ssh_trust import OfferedKey
    from shiphorn.config.load import Config


def execute(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Environment.")],
    command: Annotated[list[str], typer.Argument(metavar="-- CMD", help="The command, in the live release.")],
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    user: Annotated[
        str, typer.Option("--user", "-u", metavar="USER", help="Another account, by sudo -n.")
    ] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="SECONDS", help="Seconds it may take.")
    ] = 600,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Run a command on all hosts at once; the same output is shown once."""
    from shiphorn.model.deploy import CommandOutput, Problem  # noqa: PLC0415

    desk = desk_for(config, of, local=local)
    text = command[0] if len(command) == 1 else shlex.join(command)
    selected = terminal.selection(region, zone, role, hosts)
    found = desk.execute(environment, selected, text, timeout, user)
    printed = [(host.name, one) for host, one in found if isinstance(one, CommandOutput)]
    problems = [(host.name, one) for host, one in found if isinstance(one, Problem)]
    if as_json:
        terminal.print_json([{"host": host.name, "result": one} for host, one in found])
    else:
        from shiphorn.cli.show import show_folds, show_problems  # noqa: PLC0415
        from shiphorn.service.hosts.folding import fold  # noqa: PLC0415

        console = terminal.console()
        show_folds(console, fold(printed), len(found))
        show_problems(console, problems)
    if problems or any(one.exit_status != 0 for _, one in printed):
        raise SystemExit(1)


def trust(
    name: Annotated[str, typer.Argument(metavar="HOST", help="Host, as the config names it.")],
    fingerprint: Annotated[
        str,
        typer.Option("--fingerprint", metavar="SHA256", help="Accept only this fingerprint; does not ask."),
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Show the key of a host, and put it into known_hosts once a person has agreed."""
    from shiphorn.adapters.ssh_trust import trust as keep  # noqa: PLC0415

    loaded = terminal.config(config)
    key, path = terminal.run(_offered(loaded, name))
    typer.echo(f"{name} shows this {key.algorithm} key:\n  {key.fingerprint}")
    if fingerprint and fingerprint != key.fingerprint:
        raise Refused(
            "SH529", f"that is not the fingerprint {fingerprint}.", hint="Somebody may be in between."
        )
    if not fingerprint and not typer.confirm(
        "Did you compare it with the host's own? Accept it?", default=False
    ):
        raise Refused("SH527", "nothing was done.")
    typer.echo(f"Written to {path}." if keep(path, key) else f"{path} has it already.")


async def _offered(config: Config, name: str) -> tuple[OfferedKey, Path]:
    from shiphorn.adapters.ssh import SshTransport  # noqa: PLC0415
    from shiphorn.adapters.ssh_trust import known_hosts_files  # noqa: PLC0415
    from shiphorn.model.target import Selection  # noqa: PLC0415
    from shiphorn.service.hosts.fleet import members  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        for environment in config.environments:
            for member in await members(world, config, environment, Selection()):
                if member.host.name == name:
                    key = await SshTransport().offered_key(member.host, member.login)
                    return key, known_hosts_files(member.login.known_hosts)[0]
    raise Refused("SH528", f"no environment has a host {name}.", hint="See them: horn hosts ENV")
