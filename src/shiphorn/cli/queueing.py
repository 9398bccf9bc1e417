"""queue, why: who is deploying, who waits, and what stands in the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.desk import desk_for
from shiphorn.cli.terminal import ConfigOption, JsonOption, LocalOption, OfOption
from shiphorn.errors import Refused

if TYPE_CHECKING:
    from shiphorn.service.gates import Why


def queue(
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """The deploys that are not over: running, paused, and waiting in their order."""
    found = desk_for(config, of, local=local).queue()
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
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Why can't I deploy? What every gate says now; exit status 5 if one does not let it through."""
    from shiphorn.model.deploy import Order  # noqa: PLC0415

    desk = desk_for(config, of, local=local)
    found = desk.why(Order(desk.app, environment, ref=ref, actor=desk.actor))
    if as_json:
        terminal.print_json(found)
    else:
        _show(found)
    if not found.open:
        raise SystemExit(Refused.exit_status)


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
