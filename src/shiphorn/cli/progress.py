"""Progress of a deploy: a live line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from shiphorn.cli.show import counted
from shiphorn.deploy.gates import in_words
from shiphorn.model.deploy import HostState, Kind, Phase, Wish
from shiphorn.model.events import (
    Asked,
    BuildOutput,
    Continued,
    DeployStarted,
    Event,
    GatesAnswered,
    GatesOverridden,
    HealthChanged,
    HostChanged,
    Merged,
    Paused,
    PhaseFinished,
    PhaseStarted,
    Queued,
    RollbackStarted,
    WatchProgress,
    WaveStarted,
)
from shiphorn.model.gates import Verdict
from shiphorn.model.health import Outcome, whose

SLOW_AFTER_SECONDS = 2.0
SLOW_NAMED = 4
ERRORS_SHOWN = 10
_PASSED = {
    Phase.PROBE: {HostState.PROBED},
    Phase.STAGE: {HostState.STAGED, HostState.ARMED},
    Phase.FLIP: {HostState.FLIPPED},
    Phase.RESTART: {HostState.RESTARTED},
    Phase.FINISH: {HostState.DONE},
    Phase.ROLLBACK: {HostState.REVERTED},
}
_TOLD = {
    Outcome.UNHEALTHY: ("[red]✗[/]", "is unhealthy"),
    Outcome.INCONCLUSIVE: ("[yellow]![/]", "is neither healthy nor unhealthy"),
    Outcome.RED_BEFORE: ("[yellow]![/]", "was red before the deploy, and does not count"),
}
_ASKED = {
    Wish.PAUSE: "asked for a pause: it comes once the hosts at work have settled",
    Wish.STOP: "asked to stop: stopping, and taking everything back",
    Wish.LEAVE: "asked to stop: stopping, and leaving hosts as they are",
}


@contextmanager
def progress_to(console: Console | None) -> Iterator[Callable[[Event], None]]:
    """A sink for events that shows them; without a console it is silent."""
    if console is None:
        yield lambda _: None
        return
    view = Progress(console)
    if not console.is_terminal:
        yield view.take
        return
    with Live(view, console=console, refresh_per_second=8, transient=True):
        yield view.take


class Progress:
    """What is going on now; what is over is printed above for good."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._began = time.time()
        self._hosts: dict[str, int] = {}
        self._passed: dict[str, str] = {}
        self._waiting: dict[str, None] = {}
        self._known: dict[str, None] = {}
        self._detail = ""
        self._watch: WatchProgress | None = None
        self._errors = 0
        self._pause = ""
        self._unwell = 0
        self._spinner = Spinner("dots")

    def take(self, event: Event) -> None:
        """Show an event."""
        match event:
            case DeployStarted():
                self._title(event)
            case PhaseStarted():
                self._phase, self._began, self._hosts = event.phase, event.at, event.hosts
                self._passed.clear()
                self._detail = ""
                self._watch = None
                self._waiting = dict(self._known)
            case PhaseFinished():
                self._phase_ended(event)
            case HostChanged():
                self._host(event)
            case WatchProgress():
                self._watch = event
            case HealthChanged():
                self._health(event)
            case BuildOutput():
                self._detail = event.line
            case WaveStarted():
                hosts = counted(sum(event.hosts.values()), "host")
                self._console.print(f"[bold]wave {event.wave} of {event.waves}[/][dim]: {hosts}[/]")
            case RollbackStarted():
                self._console.print(f"[red]{event.code}[/] {escape(event.message)}")
                self._console.print(f"[bold]Switching {counted(event.hosts, 'host')} back[/]")
            case _:
                self._people(event)

    def _people(self, event: Event) -> None:
        """What people asked, and are asked; and whom the deploy waits for."""
        match event:
            case Queued():
                self._console.print(f"[yellow]…[/] waits behind {escape(event.behind)}; horn queue shows all")
            case GatesAnswered():
                self._gates(event)
            case Merged():
                self._console.print(
                    f"[green]✓[/] {escape(event.base)} was merged into {escape(event.branch)}: "
                    f"{event.sha[:8]} goes out"
                )
            case GatesOverridden():
                self._console.print(
                    f"[yellow]! {escape(event.actor)} insists[/] though {escape(', '.join(event.gates))} "
                    f"would not let it through: {escape(event.reason)}"
                )
            case Asked() if event.wish in _ASKED:
                self._console.print(f"[yellow]![/] {escape(event.actor)} {_ASKED[Wish(event.wish)]}")
            case Paused():
                self._pause = event.reason
                number, until = event.deploy_id, datetime.fromtimestamp(event.until, UTC)
                self._console.print(f"[yellow]‖[/] paused: {escape(event.reason)}")
                self._console.print(
                    f"  [cyan]Go on: horn continue {number}. Take it back: horn stop {number}. "
                    f"By itself it is taken back at {until:%H:%M} UTC.[/]"
                )
            case Continued():
                self._pause = ""
                self._console.print(f"[green]▸[/] {escape(event.actor)} says: go on")

    def __rich__(self) -> Any:
        if self._pause:
            return Text(f"paused: {self._pause}", style="yellow", no_wrap=True, overflow="ellipsis")
        if not self._phase:
            return Text()
        grid = Table.grid(padding=(0, 1))
        seconds = time.time() - self._began
        grid.add_row(
            self._spinner,
            Text(f"{self._phase:<8}", style="bold"),
            Text(f"{seconds:5.1f} s", style="dim"),
            Text(f" {self._now(seconds)}", no_wrap=True, overflow="ellipsis"),
        )
        return grid

    def _title(self, event: DeployStarted) -> None:
        app, environment = escape(event.app), escape(event.environment)
        ref = escape(event.ref)
        match Kind(event.what):
            case Kind.ROLLBACK:
                doing = f"[bold]Rolling back {app}[/] in [bold]{environment}[/]" + (
                    f" to {ref}" if ref else ""
                )
            case Kind.CONVERGE:
                doing = f"[bold]Bringing hosts of {app}[/] in [bold]{environment}[/] to {ref}"
            case Kind.DEPLOY:
                doing = f"[bold]Deploying {app}{f' {ref}' if ref else ''}[/] to [bold]{environment}[/]"
        self._console.print(f"{doing} [dim]#{event.deploy_id} by {escape(event.actor)}[/]")

    def _phase_ended(self, event: PhaseFinished) -> None:
        note = event.note or self._counts()
        failed = self._hosts and len(self._passed) < sum(self._hosts.values())
        mark = "[yellow]![/]" if failed else "[green]✓[/]"
        self._console.print(f"{mark} {event.phase:<8} [dim]{event.seconds:5.1f} s[/]  {escape(note)}")
        self._phase = ""

    def _gates(self, event: GatesAnswered) -> None:
        for one in event.answers:
            if one.verdict == Verdict.WAIT:
                told = escape(in_words(one, event.at))
                self._console.print(f"[yellow]…[/] waits for the gate {escape(one.gate)}: {told}")

    def _host(self, event: HostChanged) -> None:
        self._known[event.host] = None
        if event.code:
            self._waiting.pop(event.host, None)
            self._known.pop(event.host, None)
            self._errors += 1
            if self._errors <= ERRORS_SHOWN:
                self._console.print(f"[red]✗ {escape(event.host)}[/] {event.code} {escape(event.message)}")
            elif self._errors == ERRORS_SHOWN + 1:
                self._console.print("[red]✗ ...[/] more hosts fail; they are told by cause at the end")
        elif event.phase == self._phase and event.state in _PASSED.get(Phase(event.phase), ()):
            self._passed[event.host] = event.region
            self._waiting.pop(event.host, None)

    def _health(self, event: HealthChanged) -> None:
        """A line for what is not well; a host that the deploy gives up is told by its own change."""
        told = _TOLD.get(Outcome(event.outcome))
        if told is None or (event.outcome == Outcome.UNHEALTHY and self._phase == Phase.WATCH):
            return
        self._unwell += 1
        if self._unwell <= ERRORS_SHOWN:
            mark, words = told
            self._console.print(
                f"{mark} {escape(whose(event.host))} {escape(event.check)} {words}: {escape(event.message)}"
            )
        elif self._unwell == ERRORS_SHOWN + 1:
            self._console.print("[yellow]! ...[/] more checks are not well")

    def _watching(self, watch: WatchProgress) -> str:
        counts = "  ".join(f"{region} {watch.well[region]}/{total}" for region, total in watch.hosts.items())
        left = watch.until - time.time()
        bake = f"{left:.0f} s of bake left" if left > 0 else ""
        return ", ".join(filter(None, (f"{counts} healthy" if counts else "", bake)))

    def _now(self, seconds: float) -> str:
        if self._watch is not None:
            return self._watching(self._watch)
        text = self._counts() or self._detail
        if seconds > SLOW_AFTER_SECONDS and self._hosts and len(self._waiting) > 0:
            names = list(self._waiting)
            more = f" and {len(names) - SLOW_NAMED} more" if len(names) > SLOW_NAMED else ""
            text += f"   waiting for {', '.join(names[:SLOW_NAMED])}{more}"
        return text

    def _counts(self) -> str:
        passed = Counter(self._passed.values())
        return "  ".join(f"{region} {passed[region]}/{total}" for region, total in self._hosts.items())
