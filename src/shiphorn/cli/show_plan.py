"""A plan as people read it: what goes out, to which hosts, and what each would run."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from shiphorn.cli.show import counted, names, table, visible
from shiphorn.cli.show_locks import show_answers
from shiphorn.cli.show_scripts import show_scripts
from shiphorn.deploy.plan import HostPreview, Plan
from shiphorn.model.gates import Verdict
from shiphorn.model.health import Check
from shiphorn.model.settings import Command, Moment
from shiphorn.remote.answers import ProbeFacts

COMMITS_SHOWN = 20
_PLACES = {
    Moment.STAGE: "on hosts, in the new release, before the switch",
    Moment.RESTART: "on hosts, right after the switch",
    Moment.FINISH: "on hosts, when everything else went well",
}


def show(console: Console, plan: Plan) -> None:
    """Show a plan. Nothing was changed to make it."""
    order, commit = plan.order, plan.commit
    what = f"{escape(order.app)} [bold]{commit.short}[/] {escape(commit.subject)}"
    what += f" [dim]({escape(commit.author)})[/]" if commit.author else ""
    if plan.switches_back:
        where = f"back to release [bold]{plan.release}[/] in [bold]{escape(order.environment)}[/]"
    else:
        where = f"to [bold]{escape(order.environment)}[/]"
        where += f", as release [bold]{plan.release}[/] on hosts that lack it" if plan.release else ""
    console.print(f"[bold]Plan[/]: {what} {where}. Nothing is changed.")
    _show_commits(console, plan)
    _show_gates(console, plan)
    if plan.switches_back:
        console.print("[bold]build[/]: none, the hosts have kept this release")
    else:
        _show_build(console, plan)
    _show_hosts(console, plan.hosts)
    _show_commands(console, Moment.STAGE, plan.hosts)
    _show_waves(console, plan)
    _show_commands(console, Moment.RESTART, plan.hosts)
    _show_checks(console, plan.hosts)
    _show_commands(console, Moment.FINISH, plan.hosts)
    _show_rollback(console, plan)
    show_scripts(console, plan.hosts, is_built=plan.artifact is not None or plan.switches_back)
    if all(one.verdict != Verdict.REFUSE for one in plan.gates):
        if any(one.verdict == Verdict.WAIT for one in plan.gates):
            console.print("[yellow]Not every gate lets it through yet: this deploy would wait.[/]")
    else:
        console.print(f"[red]Not every gate lets it through: this {order.kind} would not begin.[/]")
    bad = [one for one in plan.hosts if one.problem is not None]
    if bad:
        console.print(f"[red]{len(bad)} of {len(plan.hosts)} hosts are not ready: this deploy would stop.[/]")


def _show_commits(console: Console, plan: Plan) -> None:
    if not plan.live_sha:
        console.print("  nothing known is live there yet")
    elif plan.live_sha == plan.commit.sha:
        console.print("  this commit is live already")
    for sign, style, commits in (("+", "green", plan.commits), ("-", "red", plan.removed)):
        for one in commits[:COMMITS_SHOWN]:
            console.print(
                f"  [{style}]{sign} {one.short}[/] {escape(one.subject)} [dim]{escape(one.author)}[/]"
            )
        if len(commits) > COMMITS_SHOWN:
            console.print(f"  {sign} and {len(commits) - COMMITS_SHOWN} more")


def _show_gates(console: Console, plan: Plan) -> None:
    console.print("[bold]gates[/]")
    show_answers(console, plan.gates, time.time())


def _show_build(console: Console, plan: Plan) -> None:
    console.print("[bold]build[/], here, before packing" + ("" if plan.build else ": no commands"))
    for command in plan.build:
        console.print(f"  [dim]$[/] {escape(command)}")
    if plan.artifact is not None:
        console.print(f"  built before: {plan.artifact.in_words}")


def _show_hosts(console: Console, hosts: Sequence[HostPreview]) -> None:
    console.print(f"[bold]hosts[/], {len(hosts)} of them, as the probe found them")
    shown = table("  host", "region", "deploy to", "live", "free", "clock", "")
    for one in hosts:
        facts, problem = one.facts, one.problem
        live = f"{facts.live_release} {facts.live_revision[:8]}" if facts and facts.live_release else ""
        free = f"{facts.free_bytes / 1e9:.1f} GB" if facts else ""
        clock = f"{one.clock_ms:+.0f} ms" if one.clock_ms is not None else ""
        notes = f"[red]{problem.code} {escape(problem.message)}[/]" if problem else _notes(facts)
        shown.add_row(f"  {one.host.name}", one.host.region, escape(one.deploy_to), live, free, clock, notes)
    console.print(shown)


def _notes(facts: ProbeFacts | None) -> str:
    """What else is worth a word."""
    if facts is None:
        return ""
    notes = ["nothing is deployed there yet"] if not facts.live_release else []
    left = len(facts.unfinished)
    notes += [f"{counted(left, 'release')} of dead deploys to clear away"] if left else []
    return ", ".join(notes)


def _show_waves(console: Console, plan: Plan) -> None:
    by_wave: defaultdict[int, list[str]] = defaultdict(list)
    for one in plan.hosts:
        by_wave[one.wave].append(one.host.name)
    console.print("[bold]switch[/]" + (", all at one instant" if len(by_wave) == 1 else ""))
    bake = f", watched for {plan.limits.bake_seconds:.0f} s" if plan.limits.bake_seconds else ""
    asks = ", once a person says so" if plan.limits.waves.pause else ""
    for number, hosts in sorted(by_wave.items()):
        asked = asks if number > 1 else ""
        console.print(f"  wave {number}: {len(hosts)} [cyan]{escape(names(hosts))}[/]{bake}{asked}")


def _show_rollback(console: Console, plan: Plan) -> None:
    limits, total = plan.limits, len(plan.hosts)
    console.print(
        f"[bold]if it goes wrong[/]: {total - limits.required(total)} of {total} hosts may fail before the "
        f"switch, {limits.tolerated(total)} after it; then: {limits.on_failure}"
    )
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for one in plan.hosts:
        groups[one.back_to].append(one.host.name)
    for release, hosts in groups.items():
        console.print(f"  back to {release or 'nothing'}: {len(hosts)} [cyan]{escape(names(hosts))}[/]")
    for command in plan.staying:
        console.print(f"  [yellow]not taken back[/]: [dim]$[/] {escape(command)}")


def _show_checks(console: Console, hosts: Sequence[HostPreview]) -> None:
    """What is watched after the switch, once for the hosts that have the same in the config."""
    same: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    told: dict[tuple[int, str], Check] = {}
    for one in hosts:
        for check in one.checks:
            key = (check.position, check.pattern)
            same[key].append(one.host.name)
            told[key] = check
    if told:
        console.print("[bold]watch[/], before the deploy once, and after the switch until it is decided")
    for key, check in sorted(told.items()):
        what = check.name if len(same[key]) == 1 else check.group
        if check.metric is not None:
            who = "all switched hosts together" if check.together else "each host by itself"
            console.print(
                f"  {escape(what)} [dim]{who}, every {check.interval_seconds:g} s; "
                f"{escape(check.metric.rule)}[/] [cyan]{escape(names(same[key]))}[/]"
            )
            continue
        who = "on the host itself" if check.on_host else "from here"
        rule = f"{check.successes} in a row are healthy, more than {check.failures} failures unhealthy"
        console.print(
            f"  {escape(what)} [dim]{who}, every {check.interval_seconds:g} s; {rule}[/] "
            f"[cyan]{escape(names(same[key]))}[/]"
        )


def _show_commands(console: Console, moment: Moment, hosts: Sequence[HostPreview]) -> None:
    """The config's own commands of a moment, each with the hosts that run it."""
    runs: defaultdict[Command, list[str]] = defaultdict(list)
    for one in hosts:
        for command in one.commands[moment]:
            runs[command].append(one.host.name)
    if runs:
        console.print(f"[bold]{moment}[/], {_PLACES[moment]}")
    for command, which in runs.items():
        who = f"all {len(hosts)} hosts" if len(which) == len(hosts) > 1 else names(which)
        user = f", as {command.user}" if command.user else ""
        console.print(f"  [dim]$[/] {escape(visible(command.run))} [dim]on {escape(who)}{escape(user)}[/]")
