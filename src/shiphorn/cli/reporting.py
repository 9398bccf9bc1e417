"""report, builds: what is said of commits by those who build and test them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.desk import desk_for
from shiphorn.cli.terminal import ConfigOption, JsonOption, LocalOption, OfOption
from shiphorn.errors import Refused

if TYPE_CHECKING:
    from rich.console import Console

    from shiphorn.service.builds.reporting import BuildStanding

_STATES = ("pending", "success", "failure")
_MARKS = {"success": "[green]✓[/]", "pending": "[yellow]…[/]", "failure": "[red]✗[/]"}
_WORDS = {"success": "green", "pending": "under way", "failure": "red"}


def report(
    ref: Annotated[str, typer.Argument(metavar="REF", help="Commit that was built; a branch or tag is one.")],
    context: Annotated[
        str, typer.Option("--context", metavar="NAME", help="What was built or tested: ci/build.")
    ],
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="pending, success or failure.")],
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="A line on it.")] = "",
    url: Annotated[str, typer.Option("--url", metavar="URL", help="The page of the build.")] = "",
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Report how a build or a test of a commit stands, for gates to go by."""
    from shiphorn.model.statuses import BuildState  # noqa: PLC0415
    from shiphorn.service.builds.reporting import Report  # noqa: PLC0415

    if state not in _STATES:
        raise Refused("SH919", f"{state!r} is no state of a build.", hint=f"There are {', '.join(_STATES)}.")
    desk = desk_for(config, of, local=local)
    made = desk.report(ref, Report(context, BuildState(state), description, url))
    if as_json:
        terminal.print_json(made)
        return
    typer.echo(f"{made.context} of {made.sha[:8]} is {_WORDS[made.state]}.")


def builds(
    ref: Annotated[
        str, typer.Argument(metavar="[REF]", help="Commit, branch or tag; the app's branch if left out.")
    ] = "",
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """What forges and builds say of a commit."""
    found = desk_for(config, of, local=local).builds(ref)
    if as_json:
        terminal.print_json(found)
        return
    _show(terminal.console(), found)


def _show(console: Console, found: BuildStanding) -> None:
    from rich.markup import escape  # noqa: PLC0415

    from shiphorn.model.forge import REPORTED  # noqa: PLC0415
    from shiphorn.model.times import ago  # noqa: PLC0415

    commit, now = found.commit, time.time()
    console.print(f"[yellow]{commit.short}[/] {escape(commit.subject)}")
    if not found.statuses:
        console.print("  Nobody has said anything of it.")
        console.print(f"  [cyan]horn report {commit.short} --context ci/build --state success[/]")
        return
    for one in found.statuses:
        said = f" [dim]{escape(one.description)}[/]" if one.description else ""
        console.print(f"  {_MARKS[one.state]} {escape(one.context)}{said}")
        who = f"from {escape(one.source)}" if one.source != REPORTED else REPORTED
        since = f"{ago(one.at, now)}, " if one.at else ""
        console.print(f"    [dim]{since}{who}{'  ' if one.url else ''}{escape(one.url)}[/]")
