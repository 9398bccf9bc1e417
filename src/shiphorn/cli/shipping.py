"""deploy, rollback, converge, resume: the commands that change hosts."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.desk import Desk, desk_for
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
from shiphorn.errors import DeployFailed, Refused

if TYPE_CHECKING:
    from rich.console import Console

    from shiphorn.cli.answers import Ended
    from shiphorn.model.deploy import Order

PlanOption = Annotated[bool, typer.Option("--plan", help="Show what would happen, and change nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ForceOption = Annotated[
    str, typer.Option("--force", metavar="REASON", help="Override gates that refuse, on record.")
]
NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="Fail at once when another deploy is at work there.")
]
MuteOption = Annotated[bool, typer.Option("--mute", help="Do not sound the horn.")]

_NOTHING_LACKS = "All hosts that can be reached run what they should."


def deploy(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[APP[@REF]] [to] ENV",
            help="What goes where; REF is a branch, tag, commit, :live or :previous.",
        ),
    ],
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    plan: PlanOption = False,
    force: ForceOption = "",
    no_wait: NoWaitOption = False,
    yes: YesOption = False,
    mute: MuteOption = False,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Put a revision on hosts, on all of them at one instant."""
    from shiphorn.model.deploy import Order  # noqa: PLC0415

    name, ref, environment = parse_words(words)
    desk = desk_for(config, name or of, local=local)
    app = desk.app
    order = Order(
        app,
        environment,
        ref=ref,
        selection=terminal.selection(region, zone, role, hosts),
        actor=desk.actor,
        forced=force,
    )
    if plan:
        _plan(desk, [order], as_json=as_json)
        return
    what = f"Deploy {app}@{ref or desk.branch(app)} to {environment}"
    _ask(f"{what} ({order.selection})?" if not order.selection.everything else f"{what}?", yes=yes or as_json)
    _finish(desk.ship(order, _console(as_json=as_json), mute=mute, wait=not no_wait), as_json=as_json)


def rollback(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Environment.")],
    to: Annotated[
        str, typer.Option("--to", metavar="RELEASE", help="Release id; the one before if left out.")
    ] = "",
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    plan: PlanOption = False,
    force: ForceOption = "",
    no_wait: NoWaitOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Go back to a release that the hosts kept, the same one on every host."""
    from shiphorn.model.deploy import Kind, Order  # noqa: PLC0415
    from shiphorn.model.release import is_release_id  # noqa: PLC0415

    if to and not is_release_id(to):
        raise Refused("SH525", f"{to} is not a release id.", hint=f"See them: horn releases {environment}")
    desk = desk_for(config, of, local=local)
    order = Order(
        desk.app,
        environment,
        Kind.ROLLBACK,
        to,
        terminal.selection(region, zone, role, hosts),
        desk.actor,
        forced=force,
    )
    if plan:
        _plan(desk, [order], as_json=as_json)
        return
    _ask(f"Roll {desk.app} in {environment} back to {to or 'the release before'}?", yes=yes or as_json)
    _finish(desk.ship(order, _console(as_json=as_json), mute=True, wait=not no_wait), as_json=as_json)


def converge(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Environment.")],
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    plan: PlanOption = False,
    every: Annotated[
        float | None,
        typer.Option("--every", metavar="SECONDS", min=1, help="Look again and again, until Ctrl-C."),
    ] = None,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring hosts that are behind, have drifted or are new to the release that they should run."""
    desk = desk_for(config, of, local=local)
    selected = terminal.selection(region, zone, role, hosts)
    if plan:
        lacking = desk.lacking(environment, selected)
        if lacking or as_json:
            _plan(desk, lacking, as_json=as_json, listed=True)
        else:
            terminal.console().print(_NOTHING_LACKS)
        return
    while True:
        results = desk.converge(environment, selected, _console(as_json=as_json))
        well = _show_all(results, _NOTHING_LACKS, as_json=as_json)
        if every is None:
            raise SystemExit(0 if well else DeployFailed.exit_status)
        time.sleep(every)


def resume(
    deploy_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="Number of the deploy; all such ones if left out.")
    ] = None,
    as_json: JsonOption = False,
    local: LocalOption = False,
) -> None:
    """Bring a deploy to its end whose process died: it goes on where it was."""
    results = desk_for(local=local).resume(deploy_id, _console(as_json=as_json))
    if deploy_id is not None:
        _finish(results[0], as_json=as_json)
    elif not _show_all(results, "No deploy was left behind.", as_json=as_json):
        raise SystemExit(DeployFailed.exit_status)


def parse_words(words: list[str]) -> tuple[str, str, str]:
    """`APP@REF to ENV` as (app, ref, environment); "" for what is left out. Raises Refused SH526."""
    parts = [word for word in words if word != "to"] if len(words) > 1 else words
    if not 1 <= len(parts) <= 2:
        raise Refused(
            "SH526",
            f'"{" ".join(words)}" is not understood.',
            hint="Write: horn deploy APP@REF to ENVIRONMENT",
        )
    name, _, ref = parts[0].partition("@") if len(parts) == 2 else ("", "", "")
    return name, ref, parts[-1]


def _plan(desk: Desk, orders: Sequence[Order], *, as_json: bool, listed: bool = False) -> None:
    plans = [desk.plan(order) for order in orders]
    if as_json:
        terminal.print_json(plans if listed else plans[0])
        return
    from shiphorn.cli.show_plan import show  # noqa: PLC0415

    for made in plans:
        show(terminal.console(), made)


def _console(*, as_json: bool) -> Console | None:
    return None if as_json else terminal.console()


def _ask(question: str, *, yes: bool) -> None:
    if not yes and sys.stdin.isatty() and not typer.confirm(question, default=True):
        raise Refused("SH527", "nothing was done.")


def _show_all(results: Sequence[Ended], nothing: str, *, as_json: bool) -> bool:
    """Show how some deploys ended, or that there was `nothing` to do: whether all went well."""
    from shiphorn.cli.show import show_end  # noqa: PLC0415
    from shiphorn.model.deploy import DeployState  # noqa: PLC0415

    if as_json:
        terminal.print_json(results)
    elif not results:
        terminal.console().print(nothing)
    else:
        for result in results:
            show_end(terminal.console(), result.deploy, result.hosts)
    return all(result.deploy.state == DeployState.SUCCEEDED for result in results)


def _finish(result: Ended, *, as_json: bool) -> None:
    from shiphorn.cli.show import show_end  # noqa: PLC0415
    from shiphorn.model.deploy import DeployState  # noqa: PLC0415

    if as_json:
        terminal.print_json(result)
    else:
        show_end(terminal.console(), result.deploy, result.hosts)
    if result.deploy.state != DeployState.SUCCEEDED:
        raise SystemExit(DeployFailed.exit_status)
