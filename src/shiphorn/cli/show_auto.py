"""Auto deploys as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from shiphorn.cli.show import say
from shiphorn.model.auto import AutoState
from shiphorn.model.times import ago, ahead
from shiphorn.service.auto.standing import AutoStanding

_MARKS = {
    AutoState.SHIPS: "[green]ships[/]",
    AutoState.WAITS: "[yellow]waits[/]",
    AutoState.IDLE: "[dim]idle[/]",
    AutoState.STOPPED: "[red]stopped[/]",
}


def show_auto(console: Console, found: Sequence[AutoStanding], now: float) -> None:
    """Environments, two or three lines each."""
    if not found:
        console.print("Nothing goes out by itself.")
        console.print("  [cyan]Have it so with auto: true in an environment of the config.[/]")
        return
    for one in found:
        if one.rule:
            console.print(f"[bold]{escape(one.environment)}[/] deploys by itself: {escape(one.rule)}")
            _show_state(console, one, now)
        if one.branch:
            console.print(f"[bold]{escape(one.environment)}[/] has a branch out")
            say(console, f"  {escape(one.branch)}")


def _show_state(console: Console, one: AutoStanding, now: float) -> None:
    if not one.state:
        console.print("  [dim]no service has looked yet[/]")
        return
    until = f"; until {ahead(one.until, now)}" if one.until is not None else ""
    say(console, f"  {_MARKS[AutoState(one.state)]}: {escape(one.reason)}{until}")
    if one.is_stopped and one.at is not None:
        console.print(f"  [dim]by {escape(one.stopped_by)} at {ago(one.at, now)}[/]")
        console.print(f"  [cyan]horn auto resume {escape(one.environment)}[/]")
