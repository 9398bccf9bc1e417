"""status, releases, history, logs, hosts, doctor: the commands that only look."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import asdict
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
from shiphorn.errors import ConfigError

if TYPE_CHECKING:
    from shiphorn.service.hosts.fleet import EnvironmentStatus

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENV", help="Environment.")]


def next_step() -> None:
    """Say what to do next, here."""
    from shiphorn.config.load import find, load  # noqa: PLC0415

    try:
        config = load(find(Path.cwd()))
    except ConfigError as error:
        if error.code != "SH100":
            raise
        from shiphorn.cli.services import current  # noqa: PLC0415

        service = current()
        if service is not None:
            typer.echo(f"Commands go to {service.url}. For example:  horn status --of APP")
            typer.echo("All commands:  horn --help")
            return
        typer.echo("There is no deploy.yml here. Write one:   horn init\nOr see it all work:  horn demo")
        typer.echo("All commands:                             horn --help")
        return
    environment = config.environments[0]
    typer.echo(f"{config.app} is deployed by {config.path}. Next:\n")
    for command, meaning in (
        (f"horn doctor {environment}", "is everything there that a deploy needs?"),
        (f"horn deploy {environment} --plan", "what would happen, without changing anything"),
        (f"horn deploy {environment}", f"deploy {config.branch} to {environment}"),
        (f"horn status {environment}", "what the hosts run"),
        ("horn --help", "all commands"),
    ):
        typer.echo(f"  {command:<40} {meaning}")


def status(
    environment: Annotated[str, typer.Argument(metavar="[ENV]", help="Environment; all if left out.")] = "",
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """What the hosts run, asked now."""
    desk = desk_for(config, of, local=local)
    found = desk.status(environment, terminal.selection(region, zone, role, hosts))
    if as_json:
        terminal.print_json(found)
        return
    for one in found:
        show_status(one)


def releases(
    environment: EnvironmentArgument,
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """The releases that the hosts keep, newest first."""
    desk = desk_for(config, of, local=local)
    kept = desk.releases(environment, terminal.selection(region, zone, role, hosts))
    if as_json:
        terminal.print_json(kept.releases)
        return
    from shiphorn.cli.show import table  # noqa: PLC0415

    shown = table("release", "commit", "hosts", "")
    for one in kept.releases:
        live = f"[green]live on {one.live}[/]" if one.live else ""
        shown.add_row(one.release, one.sha[:8], f"{one.hosts}/{len(kept.now.hosts)}", live)
    terminal.console().print(shown)
    _show_problems(kept.now)


def history(
    environment: Annotated[str, typer.Argument(metavar="[ENV]", help="Environment; all if left out.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="How many.")] = 20,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """The last deploys, newest first."""
    desk = desk_for(config, of, local=local)
    found = desk.history(environment, limit)
    if as_json:
        terminal.print_json(found)
        return
    if not found:
        terminal.note(f"No deploy of {desk.app}{f' to {environment}' if environment else ''} is on record.")
        return
    from rich.markup import escape  # noqa: PLC0415

    from shiphorn.cli.show import state, table, when  # noqa: PLC0415

    shown = table("#", "when (UTC)", "environment", "what", "commit", "by", "state")
    for one in found:
        what = f"{one.order.kind} {one.order.ref}".strip()
        what += "" if one.order.selection.everything else f", {one.order.selection}"
        shown.add_row(
            str(one.id),
            when(one.started_at),
            one.order.environment,
            escape(what),
            one.sha[:8],
            escape(one.order.actor),
            f"{state(one.state)} {one.code}",
        )
    terminal.console().print(shown)


def logs(
    deploy_id: Annotated[
        int,
        typer.Argument(metavar="[ID]", help="Number of the deploy, see horn history; the last if left out."),
    ] = 0,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="Only this host; all of it, unfolded.")
    ] = None,
    search: Annotated[
        str, typer.Option("--search", "-s", metavar="TEXT", help="Only outputs that contain this text.")
    ] = "",
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """What the commands of a deploy printed: the same output once, with the hosts that differ by name.

    Outputs are kept whole up to 8 MB each; of a longer one the middle is left out.
    """
    found = desk_for(config, of, local=local).printed(deploy_id, host, search)
    if as_json:
        outputs = [{"host": name, **asdict(one)} for name, one in found.outputs]
        terminal.print_json({"deploy": found.deploy, "outputs": outputs})
        return
    from shiphorn.cli.show import show_causes, show_folds, title  # noqa: PLC0415
    from shiphorn.service.hosts.folding import fold  # noqa: PLC0415

    console = terminal.console()
    console.print(title(found.deploy))
    show_folds(console, fold(found.outputs), len(found.hosts))
    if not found.outputs:
        of = f" on {host}" if host else ""
        terminal.note(f"No output{of} contains {search}." if search else f"No command printed anything{of}.")
    if not search:
        show_causes(console, [run for run in found.hosts if host in (None, run.host.name)])


def hosts(
    environment: EnvironmentArgument,
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """The hosts of an environment, by its inventories, now."""
    desk = desk_for(config, of, local=local)
    found = desk.members(environment, terminal.selection(region, zone, role, hosts))
    if as_json:
        terminal.print_json([member.host for member in found])
        return
    from shiphorn.cli.show import table  # noqa: PLC0415

    shown = table("host", "address", "region", "zone", "roles", "deploy to")
    for member in found:
        host = member.host
        port = host.port or member.login.port
        address = f"{host.address}:{port}" if port else host.address
        shown.add_row(
            host.name, address, host.region, host.zone, " ".join(host.roles), member.settings.deploy_to
        )
    terminal.console().print(shown)


def doctor(
    environment: Annotated[str, typer.Argument(metavar="[ENV]", help="Environment to look at as well.")] = "",
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Whether everything is there that a deploy needs; changes nothing."""
    checks = desk_for(config, of, local=local).doctor(environment)
    if as_json:
        terminal.print_json(checks)
    else:
        from shiphorn.cli.show import show_checks  # noqa: PLC0415

        show_checks(terminal.console(), checks)
    if not all(check.well for check in checks):
        raise SystemExit(1)


def show_status(now: EnvironmentStatus) -> None:
    """What an environment runs, by region; the hosts that differ by name."""
    from rich.markup import escape  # noqa: PLC0415

    from shiphorn.cli.show import names, state, table, when  # noqa: PLC0415
    from shiphorn.cli.show_locks import show_in_force  # noqa: PLC0415
    from shiphorn.service.hosts.intent import Standing  # noqa: PLC0415

    console = terminal.console()
    seen = [one.seen for one in now.hosts if one.seen is not None]
    most = Counter((one.release, one.sha) for one in seen).most_common(1)
    console.print(f"[bold]{escape(now.environment)}[/]")
    shown = table("region", "runs", "commit", "hosts", "")
    groups: defaultdict[tuple[str, str, str, str, str], list[str]] = defaultdict(list)
    for one in now.hosts:
        if one.seen is not None:
            runs = (one.host.region, one.seen.release, one.seen.sha, one.standing, one.intended)
            groups[runs].append(one.host.name)
    for (region, release, sha, standing, intended), hosts in groups.items():
        mark = ""
        if standing in (Standing.BEHIND, Standing.DRIFTED):
            mark = f"[yellow]{standing}, should run {intended}: {escape(names(hosts))}[/]"
        elif most and (release, sha) != most[0][0]:
            mark = f"[yellow]differs: {escape(names(hosts))}[/]"
        shown.add_row(region, release or "nothing", sha[:8], str(len(hosts)), mark)
    console.print(shown)
    _show_problems(now)
    if any(one.standing in (Standing.BEHIND, Standing.DRIFTED) for one in now.hosts):
        console.print(f"[cyan]Bring them to what they should run: horn converge {escape(now.environment)}[/]")
    if now.last is not None:
        last = now.last
        what = " ".join(filter(None, (last.order.kind, last.order.ref, last.sha[:8])))
        console.print(
            f"[dim]last: #{last.id} {escape(what)} "
            f"by {escape(last.order.actor)}, {when(last.started_at)}[/] {state(last.state)}"
        )
    show_in_force(console, now.locks, time.time())
    if now.holder is not None:
        console.print(f"[yellow]locked by #{now.holder.id} of {escape(now.holder.order.actor)}[/]")


def _show_problems(now: EnvironmentStatus) -> None:
    from shiphorn.cli.show import show_problems  # noqa: PLC0415

    found = [(one.host.name, one.problem) for one in now.hosts if one.problem is not None]
    show_problems(terminal.console(), found)
