"""Values as people read them in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shiphorn.deploy.problems import by_cause, summary
from shiphorn.model.deploy import Deploy, DeployState, HostRun, HostState, Kind
from shiphorn.service.folding import Fold

NAMES_SHOWN = 6
_STYLES = {
    DeployState.SUCCEEDED: "green",
    DeployState.QUEUED: "yellow",
    DeployState.RUNNING: "yellow",
    DeployState.PAUSED: "yellow",
    DeployState.STOPPED: "yellow",
    DeployState.ABANDONED: "yellow",
    DeployState.SUPERSEDED: "yellow",
    DeployState.FAILED: "red",
    DeployState.ROLLED_BACK: "red",
}
_VERBS = {Kind.DEPLOY: "Deployed", Kind.ROLLBACK: "Rolled back", Kind.CONVERGE: "Brought up to"}
_WHERE = {Kind.DEPLOY: "to", Kind.ROLLBACK: "in", Kind.CONVERGE: "in"}
_TOLD = {
    HostState.DONE: "run the new release",
    HostState.RESTARTED: "run the new release, not cleaned up yet",
    HostState.FLIPPED: "run the new release, not restarted yet",
    HostState.REMOVED: "unchanged, the new release was removed again",
    HostState.REVERTED: "run what they ran before, switched back",
    HostState.FAILED: "unchanged",
    HostState.BROKEN: "run the new release, but something went wrong after the switch",
    HostState.UNKNOWN: "unknown: lost at the switch",
    HostState.WAITING: "unchanged, not reached yet",
    HostState.PROBED: "unchanged, only looked at",
    HostState.STAGED: "unchanged, staged",
    HostState.ARMED: "unchanged, staged",
}


def table(*columns: str, head: bool = True, gives_way: str = "") -> Table:
    """A table without lines. Where room is short one column is folded: the last, unless another is named."""
    made = Table(box=None, pad_edge=False, header_style="dim", show_edge=False, show_header=head)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column != (gives_way or columns[-1]))
    return made


def counted(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def visible(text: str) -> str:
    """A text in one line: line breaks and control characters as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def when(seconds: float | None) -> str:
    """A time in UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M") if seconds else ""


def names(hosts: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(hosts) - NAMES_SHOWN} more" if len(hosts) > NAMES_SHOWN else ""
    return ", ".join(hosts[:NAMES_SHOWN]) + more


def state(value: DeployState) -> str:
    """A state in its colour."""
    return f"[{_STYLES[value]}]{value.replace('_', ' ')}[/]"


def show_end(console: Console, deploy: Deploy, runs: Sequence[HostRun]) -> None:
    """How a deploy ended: one line when all is well, causes and hosts when not."""
    seconds = (deploy.finished_at or deploy.started_at) - deploy.started_at
    order = deploy.order
    if deploy.state == DeployState.SUCCEEDED:
        verb = _VERBS[order.kind]
        skew = f", switched within {deploy.skew_ms:.1f} ms" if deploy.skew_ms is not None else ""
        hosts = counted(len(runs), "host")
        console.print(
            f"[bold green]{verb} {escape(order.app)} {deploy.sha[:8]}[/] {_WHERE[order.kind]} "
            f"{escape(order.environment)}: {hosts} in {seconds:.1f} s{skew}[dim], release {deploy.release}[/]"
        )
    else:
        ended = deploy.state.replace("_", " ")
        console.print(f"[bold red]Deploy {deploy.id} {ended}[/] after {seconds:.1f} s: {deploy.code}")
    if deploy.message:
        # The causes come right below, in full.
        console.print(f"  {escape(deploy.message.removesuffix(f': {summary(runs)}.'))}")
    hints = show_causes(console, runs)
    if deploy.state != DeployState.SUCCEEDED:
        show_states(console, runs)
    if deploy.hint and deploy.hint not in hints:
        console.print(f"  [cyan]{escape(deploy.hint)}[/]")


def show_causes(console: Console, runs: Iterable[HostRun]) -> set[str]:
    """Failed hosts by cause, with what one of them said. Gives the hints that were shown."""
    hints = set()
    for cause, hosts in by_cause(runs).items():
        problem = hosts[0].problem
        if problem is None:
            continue
        if len(hosts) == 1:
            console.print(f"[red]{escape(hosts[0].host.name)}: {escape(cause)}[/]")
        else:
            which = names([run.host.name for run in hosts])
            console.print(f"[red]{len(hosts)} hosts: {escape(cause)}[/] [dim]{escape(which)}[/]")
        console.print(f"    {problem.code} {escape(problem.message)}")
        if problem.hint:
            console.print(f"    [cyan]{escape(problem.hint)}[/]")
            hints.add(problem.hint)
    return hints


def show_states(console: Console, runs: Iterable[HostRun]) -> None:
    """In what state the hosts are, in words."""
    for one, number in Counter(_TOLD[run.state] for run in runs).most_common():
        console.print(f"  {counted(number, 'host')}: {one}")


def show_folds(console: Console, folds: Sequence[Fold], total: int) -> None:
    """Outputs, the same ones once; those of few hosts by their names."""
    command = None
    for fold in folds:
        if (fold.phase, fold.command) != command:
            command = (fold.phase, fold.command)
            console.print(f"[bold]{escape(fold.phase)}[/] [dim]$[/] {escape(fold.command)}")
        who = f"all {total} hosts" if len(fold.hosts) == total > 1 else names(fold.hosts) or "here"
        ended = "" if fold.exit_status == 0 else f" [red]status {fold.exit_status}[/]"
        console.print(f"  [cyan]{escape(who)}[/]{ended} [dim]{fold.seconds:.1f} s[/]")
        for line in fold.output.rstrip("\n").splitlines():
            console.print(f"    {line}", markup=False)
