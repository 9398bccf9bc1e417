"""queue, why: who is deploying, who waits, and what stands in the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.terminal import ConfigOption, JsonOption
from shiphorn.errors import Refused

if TYPE_CHECKING:
    from shiphorn.config.load import Config
    from shiphorn.model.deploy import Order
    from shiphorn.service.gates import Why


def queue(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """The deploys that are not over: running, paused, and waiting in their order."""
    from shiphorn.service.gates import queue as under_way  # noqa: PLC0415
    from shiphorn.wiring import open_executor, open_store  # noqa: PLC0415

    loaded = terminal.config(config)
    with open_store() as store, open_executor() as executor:
        found = under_way(store, loaded.app, executor.lives)
    if as_json:
        terminal.print_json(found)
        return
    from shiphorn.cli.show_locks import show_queue  # noqa: PLC0415

    show_queue(terminal.console(), found, time.time())


def why(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Environment.")],
    ref: Annotated[
        str, typer.Argument(metavar="[REF]", help="What would go out; the config's branch if left out.")
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Why can't I deploy? What every gate says now; exit status 5 if one does not let it through."""
    from shiphorn.model.deploy import Order  # noqa: PLC0415
    from shiphorn.wiring import actor  # noqa: PLC0415

    loaded = terminal.config(config)
    found = terminal.run(_why(loaded, Order(loaded.app, environment, ref=ref, actor=actor())))
    if as_json:
        terminal.print_json(found)
    else:
        _show(found)
    if not found.open:
        raise SystemExit(Refused.exit_status)


async def _why(config: Config, order: Order) -> Why:
    from shiphorn.service.gates import why as ask  # noqa: PLC0415
    from shiphorn.wiring import open_executor, open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        with open_executor() as executor:
            return await ask(world, config, order, executor.lives)


def _show(found: Why) -> None:
    from rich.markup import escape  # noqa: PLC0415

    from shiphorn.cli.show_locks import show_answers, show_queue  # noqa: PLC0415

    console, now, order = terminal.console(), time.time(), found.order
    may = "[green]may[/]" if found.open else "[red]may not[/]"
    console.print(
        f"{escape(order.actor)} {may} deploy {escape(order.app)} [bold]{found.commit.short}[/] "
        f"{escape(found.commit.subject)} to [bold]{escape(order.environment)}[/]"
    )
    show_answers(console, found.answers, now)
    if found.queue:
        console.print("It would wait for its turn behind:")
        show_queue(console, found.queue, now)
