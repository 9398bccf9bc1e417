"""lock, unlock, locks, bad: the commands that keep others from deploying."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.desk import Desk, desk_for
from shiphorn.cli.terminal import ConfigOption, JsonOption, LocalOption, OfOption
from shiphorn.errors import Refused

if TYPE_CHECKING:
    from shiphorn.model.locks import Scope

ScopeArgument = Annotated[
    str, typer.Argument(metavar="[ENV]", help="Environment; or one of --app and --everything.")
]
AppOption = Annotated[bool, typer.Option("--app", help="All environments of this app.")]
EverythingOption = Annotated[bool, typer.Option("--everything", help="All environments of all apps.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; others will read it.")]


def lock(
    environment: ScopeArgument = "",
    reason: ReasonOption = "",
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="WHEN", help="2h, 09:00 or 2026-11-26T09:00 (UTC); for ever if left out."
        ),
    ] = "",
    whole_app: AppOption = False,
    everything: EverythingOption = False,
    steal: Annotated[
        bool, typer.Option("--steal", help="Take over somebody else's lock; it stays on record.")
    ] = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Let nobody else deploy for a while."""
    from shiphorn.model.times import ahead  # noqa: PLC0415

    desk, now = desk_for(config, of, local=local), time.time()
    scope = _scope(desk, environment, whole_app=whole_app, everything=everything)
    end = _moment(until, now)
    placed = desk.lock(scope, reason, end, steal=steal)
    for old in placed.released:
        if old.owner != placed.lock.owner:
            typer.echo(f"Released the lock of {old.owner} on {old.scope}: {old.reason}")
    how_long = f" until {ahead(end, now)}" if end is not None else ""
    typer.echo(f"Locked {scope}{how_long}: {reason}")
    for other in placed.below:
        typer.echo(f"  {other.owner} has a lock on {other.scope} as well, which stays: {other.reason}")
    typer.secho(f"  You may deploy, nobody else may. Release it: {placed.lock.unlock}", fg="cyan")


def unlock(
    environment: ScopeArgument = "",
    reason: ReasonOption = "",
    whole_app: AppOption = False,
    everything: EverythingOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Let others deploy again; a lock of somebody else's takes a reason."""
    desk = desk_for(config, of, local=local)
    done = desk.unlock(_scope(desk, environment, whole_app=whole_app, everything=everything), reason)
    for one in done.released:
        typer.echo(f"Released the lock of {one.by} on {one.scope}: {one.reason}")
    for one in done.still:
        typer.echo(f"  Still locked by {one.by}, {one.scope}: {one.reason}")


def locks(
    every: Annotated[bool, typer.Option("--all", help="Those that are over as well, newest first.")] = False,
    as_json: JsonOption = False,
    local: LocalOption = False,
) -> None:
    """The locks in force: who, why, until when."""
    found = desk_for(local=local).locks(history=every)
    if as_json:
        terminal.print_json(found)
        return
    from shiphorn.cli.show_locks import show_locks  # noqa: PLC0415

    show_locks(terminal.console(), found, time.time(), history=every)


def bad(
    ref: Annotated[
        str, typer.Argument(metavar="[REF]", help="Commit, branch or tag; lists the marks if left out.")
    ] = "",
    reason: ReasonOption = "",
    clear: Annotated[bool, typer.Option("--clear", help="Take the mark off.")] = False,
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Mark a commit as bad, so that it is not deployed again; without REF, list those that are."""
    desk = desk_for(config, of, local=local)
    if ref:
        commit = desk.mark(ref, reason, clear=clear)
        done = "is not marked bad any more" if clear else "is marked bad"
        typer.echo(f"{commit.short} {commit.subject}: {done}.")
        return
    if clear:
        raise Refused("SH547", "say which commit: horn bad REF --clear --reason TEXT")
    found = desk.marks()
    if as_json:
        terminal.print_json(found)
        return
    from shiphorn.cli.show_locks import show_marks  # noqa: PLC0415

    show_marks(terminal.console(), found, time.time())


def _scope(desk: Desk, environment: str, *, whole_app: bool, everything: bool) -> Scope:
    from shiphorn.model.locks import Scope  # noqa: PLC0415

    if [bool(environment), whole_app, everything].count(True) != 1:
        raise Refused(
            "SH547",
            "it is not said what is meant.",
            hint="Name an environment; or --app for all of this app's, or --everything for all of all apps'.",
        )
    return Scope() if everything else desk.scope(environment)


def _moment(text: str, now: float) -> float | None:
    from shiphorn.model.times import moment_of  # noqa: PLC0415

    if not text:
        return None
    found = moment_of(text, now)
    if found is None:
        raise Refused(
            "SH546",
            f'"{text}" is no time that is understood.',
            hint="Write 45m, 2h, 1d12h, 09:00, 2026-11-26 or 2026-11-26T09:00; times are UTC.",
        )
    return found
