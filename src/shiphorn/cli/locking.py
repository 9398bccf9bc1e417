"""lock, unlock, locks, bad: the commands that keep others from deploying."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.terminal import ConfigOption, JsonOption
from shiphorn.errors import Refused

if TYPE_CHECKING:
    from shiphorn.config.load import Config
    from shiphorn.model.locks import Scope
    from shiphorn.model.release import Commit

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
    config: ConfigOption = None,
) -> None:
    """Let nobody else deploy for a while."""
    from shiphorn.model.times import ahead  # noqa: PLC0415
    from shiphorn.service.locks import place  # noqa: PLC0415
    from shiphorn.wiring import actor, open_store  # noqa: PLC0415

    scope, now = _scope(environment, config, whole_app=whole_app, everything=everything), time.time()
    end = _moment(until, now)
    with open_store() as store:
        placed = place(store, scope, reason, actor(), now, until=end, steal=steal)
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
    config: ConfigOption = None,
) -> None:
    """Let others deploy again; a lock of somebody else's takes a reason."""
    from shiphorn.service.locks import release  # noqa: PLC0415
    from shiphorn.wiring import actor, open_store  # noqa: PLC0415

    scope, now = _scope(environment, config, whole_app=whole_app, everything=everything), time.time()
    with open_store() as store:
        for one in release(store, scope, actor(), now, reason=reason):
            typer.echo(f"Released the lock of {one.by} on {one.scope}: {one.reason}")
        for one in store.locks.in_force(now, scope):
            typer.echo(f"  Still locked by {one.by}, {one.scope}: {one.reason}")


def locks(
    every: Annotated[bool, typer.Option("--all", help="Those that are over as well, newest first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The locks in force: who, why, until when."""
    from shiphorn.service.locks import listed  # noqa: PLC0415
    from shiphorn.wiring import open_store  # noqa: PLC0415

    now = time.time()
    with open_store() as store:
        found = listed(store, now, history=every)
    if as_json:
        terminal.print_json(found)
        return
    from shiphorn.cli.show_locks import show_locks  # noqa: PLC0415

    show_locks(terminal.console(), found, now, history=every)


def bad(
    ref: Annotated[
        str, typer.Argument(metavar="[REF]", help="Commit, branch or tag; lists the marks if left out.")
    ] = "",
    reason: ReasonOption = "",
    clear: Annotated[bool, typer.Option("--clear", help="Take the mark off.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Mark a commit as bad, so that it is not deployed again; without REF, list those that are."""
    from shiphorn.wiring import actor, open_store  # noqa: PLC0415

    loaded = terminal.config(config)
    if ref:
        commit = terminal.run(_mark(loaded, ref, reason, actor(), clear=clear))
        done = "is not marked bad any more" if clear else "is marked bad"
        typer.echo(f"{commit.short} {commit.subject}: {done}.")
        return
    if clear:
        raise Refused("SH547", "say which commit: horn bad REF --clear --reason TEXT")
    with open_store() as store:
        found = store.marks.listed(loaded.app)
    if as_json:
        terminal.print_json(found)
        return
    from shiphorn.cli.show_locks import show_marks  # noqa: PLC0415

    show_marks(terminal.console(), found, time.time())


async def _mark(config: Config, ref: str, reason: str, actor: str, *, clear: bool) -> Commit:
    from shiphorn.service import marks  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        if clear:
            return await marks.clear(world, config, ref, reason, actor)
        commit, _ = await marks.mark(world, config, ref, reason, actor)
        return commit


def _scope(environment: str, config: Path | None, *, whole_app: bool, everything: bool) -> Scope:
    from shiphorn.model.locks import Scope  # noqa: PLC0415

    if [bool(environment), whole_app, everything].count(True) != 1:
        raise Refused(
            "SH547",
            "it is not said what is meant.",
            hint="Name an environment; or --app for all of this app's, or --everything for all of all apps'.",
        )
    if everything:
        return Scope()
    loaded = terminal.config(config)
    if environment:
        loaded.environment(environment)
    return Scope(loaded.app, environment)


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
