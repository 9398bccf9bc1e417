"""deploy, rollback, converge, resume: the commands that change hosts."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shiphorn.cli import terminal
from shiphorn.cli.terminal import (
    ConfigOption,
    HostsOption,
    JsonOption,
    RegionOption,
    RoleOption,
    ZoneOption,
)
from shiphorn.errors import DeployFailed, Refused

if TYPE_CHECKING:
    from shiphorn.config.load import Config
    from shiphorn.model.deploy import Deploy, Order
    from shiphorn.model.target import Selection
    from shiphorn.service.shipping import Shipping

SHOW_CURSOR = "\x1b[?25h"
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ForceOption = Annotated[
    str, typer.Option("--force", metavar="REASON", help="Override gates that refuse, on record.")
]
NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="Fail at once when another deploy is at work there.")
]
MuteOption = Annotated[bool, typer.Option("--mute", help="Do not sound the horn.")]


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
    plan: Annotated[bool, typer.Option("--plan", help="Show what would happen, and change nothing.")] = False,
    force: ForceOption = "",
    no_wait: NoWaitOption = False,
    yes: YesOption = False,
    mute: MuteOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put a revision on hosts, on all of them at one instant."""
    from shiphorn.model.deploy import Order  # noqa: PLC0415
    from shiphorn.wiring import actor  # noqa: PLC0415

    loaded = terminal.config(config)
    app, ref, environment = parse_words(words, loaded.app)
    order = Order(
        app,
        environment,
        ref=ref,
        selection=terminal.selection(region, zone, role, hosts),
        actor=actor(),
        forced=force,
    )
    if plan:
        terminal.run(_plan(loaded, order, as_json=as_json))
        return
    what = f"Deploy {app}@{ref or loaded.branch} to {environment}"
    _ask(f"{what} ({order.selection})?" if not order.selection.everything else f"{what}?", yes=yes or as_json)
    shipped = ship(loaded, order, mute=mute, as_json=as_json, wait=not no_wait)
    _finish(terminal.run(shipped), as_json=as_json)


def rollback(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Environment.")],
    to: Annotated[
        str, typer.Option("--to", metavar="RELEASE", help="Release id; the one before if left out.")
    ] = "",
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    force: ForceOption = "",
    no_wait: NoWaitOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Go back to a release that the hosts kept, the same one on every host."""
    from shiphorn.model.deploy import Kind, Order  # noqa: PLC0415
    from shiphorn.model.release import is_release_id  # noqa: PLC0415
    from shiphorn.wiring import actor  # noqa: PLC0415

    if to and not is_release_id(to):
        raise Refused("SH525", f"{to} is not a release id.", hint=f"See them: horn releases {environment}")
    loaded = terminal.config(config)
    order = Order(
        loaded.app,
        environment,
        Kind.ROLLBACK,
        to,
        terminal.selection(region, zone, role, hosts),
        actor(),
        forced=force,
    )
    _ask(f"Roll {loaded.app} in {environment} back to {to or 'the release before'}?", yes=yes or as_json)
    shipped = ship(loaded, order, mute=True, as_json=as_json, wait=not no_wait)
    _finish(terminal.run(shipped), as_json=as_json)


def converge(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Environment.")],
    region: RegionOption = None,
    zone: ZoneOption = None,
    role: RoleOption = None,
    hosts: HostsOption = None,
    every: Annotated[
        float | None,
        typer.Option("--every", metavar="SECONDS", min=1, help="Look again and again, until Ctrl-C."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring hosts that are behind, have drifted or are new to the release that they should run."""
    loaded = terminal.config(config)
    selected = terminal.selection(region, zone, role, hosts)
    while True:
        results = terminal.run(_converge(loaded, environment, selected, as_json=as_json))
        well = _show_all(results, "All hosts that can be reached run what they should.", as_json=as_json)
        if every is None:
            raise SystemExit(0 if well else DeployFailed.exit_status)
        time.sleep(every)


def resume(
    deploy_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="Number of the deploy; all such ones if left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a deploy to its end whose process died: it goes on where it was."""
    results = terminal.run(_resume(deploy_id, as_json=as_json))
    if deploy_id is not None:
        _finish(results[0], as_json=as_json)
    elif not _show_all(results, "No deploy was left behind.", as_json=as_json):
        raise SystemExit(DeployFailed.exit_status)


def parse_words(words: list[str], app: str) -> tuple[str, str, str]:
    """`APP@REF to ENV` as (app, ref, environment); what is left out is the config's. Raises Refused SH526."""
    parts = [word for word in words if word != "to"] if len(words) > 1 else words
    if not 1 <= len(parts) <= 2:
        raise Refused(
            "SH526",
            f'"{" ".join(words)}" is not understood.',
            hint="Write: horn deploy APP@REF to ENVIRONMENT",
        )
    name, _, ref = parts[0].partition("@") if len(parts) == 2 else ("", "", "")
    return name or app, ref, parts[-1]


async def _plan(config: Config, order: Order, *, as_json: bool) -> None:
    from shiphorn.cli.show_plan import show  # noqa: PLC0415
    from shiphorn.deploy.plan import make  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        made = await make(world, config, order)
    if as_json:
        terminal.print_json(made)
    else:
        show(terminal.console(), made)


async def _converge(
    config: Config, environment: str, selected: Selection, *, as_json: bool
) -> list[dict[str, Any]]:
    """Carry out a converge for each release that hosts lack."""
    from shiphorn.service.fleet import behind  # noqa: PLC0415
    from shiphorn.wiring import actor, open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        orders = await behind(world, config, environment, selected, actor())
    return [await ship(config, order, mute=True, as_json=as_json) for order in orders]


async def ship(
    config: Config, order: Order, *, mute: bool, as_json: bool, wait: bool = True
) -> dict[str, Any]:
    """Carry out an order in front of a person: {deploy, hosts} as they ended."""
    import asyncio  # noqa: PLC0415

    from shiphorn.cli.progress import progress_to  # noqa: PLC0415
    from shiphorn.service.fleet import listed  # noqa: PLC0415
    from shiphorn.wiring import open_shipping, open_world  # noqa: PLC0415

    environment = config.environment(order.environment)
    horn = asyncio.create_task(_sound()) if environment.sound and not mute and sys.stdout.isatty() else None
    with progress_to(None if as_json else terminal.console()) as tell:
        ahead = listed(config, order.environment, order.selection)
        async with open_world(tell, ahead) as world, open_shipping(world) as shipping:
            record = shipping.record(config, order, wait=wait)
            ended = await _with_interrupts(shipping, record, shipping.run(record))
            result = {"deploy": ended, "hosts": world.store.hosts.of_deploy(ended.id)}
    if horn is not None:
        await horn
    return result


async def _resume(deploy_id: int | None, *, as_json: bool) -> list[dict[str, Any]]:
    from shiphorn.cli.progress import progress_to  # noqa: PLC0415
    from shiphorn.service.records import get  # noqa: PLC0415
    from shiphorn.wiring import open_shipping, open_world  # noqa: PLC0415

    with progress_to(None if as_json else terminal.console()) as tell:
        async with open_world(tell) as world, open_shipping(world) as shipping:
            results = []
            for record in shipping.left() if deploy_id is None else [get(world.store, deploy_id)]:
                if deploy_id is None and not get(world.store, record.id).state.active:
                    # One that was resumed before it ended it.
                    continue
                ended = await _with_interrupts(shipping, record, shipping.resume(record.id))
                results.append({"deploy": ended, "hosts": world.store.hosts.of_deploy(ended.id)})
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


async def _sound() -> None:
    import asyncio  # noqa: PLC0415

    from shiphorn.adapters.sound import horn_wave, play  # noqa: PLC0415

    await play(await asyncio.to_thread(horn_wave))


def _ask(question: str, *, yes: bool) -> None:
    if not yes and sys.stdin.isatty() and not typer.confirm(question, default=True):
        raise Refused("SH527", "nothing was done.")


def _show_all(results: list[dict[str, Any]], nothing: str, *, as_json: bool) -> bool:
    """Show how some deploys ended, or that there was `nothing` to do: whether all went well."""
    from shiphorn.cli.show import show_end  # noqa: PLC0415
    from shiphorn.model.deploy import DeployState  # noqa: PLC0415

    if as_json:
        terminal.print_json(results)
    elif not results:
        terminal.console().print(nothing)
    else:
        for result in results:
            show_end(terminal.console(), result["deploy"], result["hosts"])
    return all(result["deploy"].state == DeployState.SUCCEEDED for result in results)


def _finish(result: dict[str, Any], *, as_json: bool) -> None:
    from shiphorn.cli.show import show_end  # noqa: PLC0415
    from shiphorn.model.deploy import DeployState  # noqa: PLC0415

    ended: Deploy = result["deploy"]
    if as_json:
        terminal.print_json(result)
    else:
        show_end(terminal.console(), ended, result["hosts"])
    if ended.state != DeployState.SUCCEEDED:
        raise SystemExit(DeployFailed.exit_status)
