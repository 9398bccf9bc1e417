"""Values as people read them in a terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shiphorn.deploy.problems import summary
from shiphorn.model.deploy import TOLD, Deploy, DeployState, HostRun, Kind, Problem
from shiphorn.service.hosts.doctor import Check
from shiphorn.service.hosts.folding import Fold

NAMES_SHOWN = 6
HOSTS_LISTED = 20
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


def title(deploy: Deploy) -> str:
    """What a deploy is and how it stands, in one line."""
    order = deploy.order
    what = " ".join(filter(None, (f"{order.kind} {deploy.id}", order.ref, deploy.sha[:8])))
    why = " ".join(filter(None, (deploy.code, deploy.message)))
    where = f"{escape(order.app)} to {escape(order.environment)} by {escape(order.actor)}"
    ended = f"{state(deploy.state)} {escape(why)}".rstrip()
    return f"[bold]{escape(what)}[/] of {where}, {when(deploy.started_at)} UTC: {ended}"


def say(console: Console, text: str) -> None:
    """Print a sentence; in a terminal its words stay whole."""
    console.print(text, soft_wrap=not console.is_terminal)


def show_end(console: Console, deploy: Deploy, runs: Sequence[HostRun]) -> None:
    """How a deploy ended: one line when all is well, causes and hosts when not."""
    seconds = (deploy.finished_at or deploy.started_at) - deploy.started_at
    if deploy.state == DeployState.SUCCEEDED:
        hosts = counted(len(runs), "host")
        many = deploy.skew_ms is not None and len(runs) > 1
        skew = f", switched within {deploy.skew_ms:.1f} ms" if many else ""
        say(
            console,
            f"[bold green]{_done(deploy)}[/]: {hosts} in {seconds:.1f} s{skew}"
            f"[dim], release {deploy.release}[/]",
        )
    else:
        ended = deploy.state.replace("_", " ")
        console.print(f"[bold red]Deploy {deploy.id} {ended}[/] after {seconds:.1f} s: {deploy.code}")
    if deploy.message:
        # The causes come right below, in full.
        say(console, f"  {escape(deploy.message.removesuffix(f': {summary(runs)}.'))}")
    hints = show_causes(console, runs)
    if deploy.state != DeployState.SUCCEEDED:
        show_states(console, runs)
    if deploy.hint and deploy.hint not in hints:
        say(console, f"  [cyan]{escape(deploy.hint)}[/]")


def _done(deploy: Deploy) -> str:
    app, environment, sha = escape(deploy.order.app), escape(deploy.order.environment), deploy.sha[:8]
    match deploy.order.kind:
        case Kind.ROLLBACK:
            return f"Rolled back {app} in {environment} to {sha}"
        case Kind.CONVERGE:
            return f"Brought {environment} of {app} to {sha}"
        case Kind.DEPLOY:
            return f"Deployed {app} {sha} to {environment}"


def show_causes(console: Console, runs: Iterable[HostRun]) -> set[str]:
    """Failed hosts by cause, with what one of them said. Gives the hints that were shown."""
    return show_problems(console, [(run.host.name, run.problem) for run in runs if run.problem is not None])


def show_problems(console: Console, found: Iterable[tuple[str, Problem]]) -> set[str]:
    """(host, problem) pairs by cause, the most frequent first. Gives the hints that were shown."""
    causes: defaultdict[str, list[tuple[str, Problem]]] = defaultdict(list)
    for name, problem in found:
        causes[problem.group].append((name, problem))
    hints = set()
    for cause, hosts in sorted(causes.items(), key=lambda item: -len(item[1])):
        problem = hosts[0][1]
        if len(hosts) == 1:
            console.print(f"[red]{escape(hosts[0][0])}: {escape(cause)}[/]")
        else:
            which = names([name for name, _ in hosts])
            console.print(f"[red]{len(hosts)} hosts: {escape(cause)}[/] [dim]({escape(which)})[/]")
        say(console, f"    {problem.code} {escape(problem.message)}")
        if problem.hint:
            say(console, f"    [cyan]{escape(problem.hint)}[/]")
            hints.add(problem.hint)
    return hints


def show_states(console: Console, runs: Iterable[HostRun]) -> None:
    """In what state the hosts are, in words; where they differ, which."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    for run in runs:
        told[TOLD[run.state]].append(run.host.name)
    for one, hosts in sorted(told.items(), key=lambda item: -len(item[1])):
        which = f" [dim]({escape(names(hosts))})[/]" if len(told) > 1 else ""
        console.print(f"  {counted(len(hosts), 'host')}: {one}{which}")


def show_folds(console: Console, folds: Sequence[Fold], total: int) -> None:
    """Outputs, the same ones once; those of few hosts by their names."""
    command = None
    for fold in folds:
        is_first = (fold.phase, fold.command) != command
        if is_first:
            command = (fold.phase, fold.command)
            lines = escape(fold.command.strip()).split("\n")
            phase = f"[bold]{escape(fold.phase)}[/] " if fold.phase != "execute" else ""
            console.print(f"{phase}[dim]$[/] " + "\n    ".join(lines))
        ended = "" if fold.exit_status == 0 else f" [red]status {fold.exit_status}[/]"
        if fold.exit_status is None:
            ended = " [yellow]did not end[/]"
        who = _who(fold.hosts, total, is_most=is_first)
        console.print(f"  [cyan]{escape(who)}[/]{ended} [dim]{fold.seconds:.1f} s[/]")
        for line in fold.output.rstrip("\n").splitlines():
            console.print(f"    {line}", markup=False)


def _who(hosts: Sequence[str], total: int, *, is_most: bool) -> str:
    """The hosts of a fold: most of them by their number, the others by name."""
    if hosts == ("",):
        return "here"
    if len(hosts) == total > 1:
        return f"all {total} hosts"
    if is_most and len(hosts) > NAMES_SHOWN:
        return f"{len(hosts)} of {total} hosts"
    return ", ".join(hosts)


def show_checks(console: Console, checks: Sequence[Check]) -> None:
    """What doctor found: a line a check; of many hosts, a line for those that came to the same."""
    hosts = [check for check in checks if check.group]
    folded: defaultdict[str, list[Check]] = defaultdict(list)
    for check in hosts if len(hosts) > HOSTS_LISTED else ():
        folded[check.group].append(check)
    for check in checks:
        if not (check.group and folded):
            _show_check(console, check, check.name, check.found)
    for group, alike in sorted(folded.items(), key=lambda item: (not item[1][0].well, len(item[1]))):
        which = names([check.name for check in alike])
        told = f"{group}: {which}" if alike[0].well else f"{alike[0].found} ({which})"
        _show_check(console, alike[0], counted(len(alike), "host"), told)


def _show_check(console: Console, check: Check, name: str, told: str) -> None:
    mark = "[green]✓[/]" if check.well else "[red]✗[/]"
    console.print(f"{mark} {escape(name):<16} {escape(told)}")
    if check.hint:
        console.print(f"  {'':<16} [cyan]{escape(check.hint)}[/]")
