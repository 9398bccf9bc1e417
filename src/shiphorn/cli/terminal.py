"""What every command shares: how to print, how to fail, how to run, where the config is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from shiphorn.errors import ConfigError, ShiphornError

if TYPE_CHECKING:
    from rich.console import Console

    from shiphorn.config.load import Config

T = TypeVar("T")

PIPED_WIDTH = 200
"""Columns of tables that go to a pipe or a file."""
_NOT_SHOWN = frozenset({"config_text"})
"""Fields that JSON leaves out: a config may list thousands of hosts, for each of twenty deploys."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Config file; deploy.yml here or above if left out."),
]
OfOption = Annotated[
    str,
    typer.Option(
        "--of",
        metavar="APP",
        envvar="HORN_APP",
        help="The app; that of deploy.yml if left out.",
        show_envvar=False,
    ),
]
LocalOption = Annotated[
    bool, typer.Option("--local", help="Work on this machine, though you are signed in to a service.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RegionOption = Annotated[
    list[str] | None,
    typer.Option("--region", "-r", metavar="REGION", help="Only this region; may be repeated."),
]
ZoneOption = Annotated[
    list[str] | None, typer.Option("--zone", "-z", metavar="ZONE", help="Only this zone; may be repeated.")
]
RoleOption = Annotated[
    list[str] | None,
    typer.Option("--role", metavar="ROLE", help="Only hosts with this role; may be repeated."),
]
HostsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--hosts", metavar="GLOB", help="Only hosts whose names match this pattern; may be repeated."
    ),
]


def console() -> Console:
    """Standard output as rich writes to it: what is printed stays as it is, long lines included."""
    from rich.console import Console  # noqa: PLC0415

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, emoji=False, soft_wrap=True, width=None if known else PIPED_WIDTH)


def config(path: Path | None) -> Config:
    """The config that a command goes by."""
    from shiphorn.config.load import find, load  # noqa: PLC0415

    return load(path or find(Path.cwd()))


def selection(
    regions: list[str] | None, zones: list[str] | None, roles: list[str] | None, hosts: list[str] | None
) -> Any:
    """The options that narrow the hosts, as a Selection."""
    from shiphorn.model.target import Selection  # noqa: PLC0415

    return Selection(tuple(regions or ()), tuple(zones or ()), tuple(roles or ()), tuple(hosts or ()))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the asynchronous part of a command."""
    import asyncio  # noqa: PLC0415

    import uvloop  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def print_json(value: Any) -> None:
    """Print a value as JSON: dataclasses by their fields, paths and enums as text."""
    sys.stdout.write(json.dumps(value, default=_plain, indent=2, ensure_ascii=False) + "\n")


def note(text: str) -> None:
    """Say on standard error that there is nothing to show, and why."""
    typer.secho(text, err=True, dim=True)


def print_error(error: ShiphornError, *, as_json: bool = False) -> None:
    """Say what happened and what to do, on standard error."""
    if as_json:
        print_json({"error": error.as_json()})
        return
    typer.secho(f"{error.code} ", fg="red", bold=True, err=True, nl=False)
    typer.echo(error.message, err=True)
    problems = error.problems if isinstance(error, ConfigError) else ()
    for problem in problems:
        typer.echo(f"  {problem}", err=True)
    if error.hint:
        typer.secho(f"  {error.hint}", err=True, fg="cyan")


def failing_well(call: Callable[[], T]) -> T:
    """Turn expected errors into a message and an exit status; defects keep their traceback."""
    try:
        return call()
    except ShiphornError as error:
        expected = error
    except OSError as error:
        # Of a file of this machine: the state, the cache, what an option names.
        if error.filename is None:
            raise
        expected = ConfigError(
            "SH160",
            f"{error.filename} cannot be used: {error.strerror}.",
            hint="Look at its folder, its owner and the disk.",
        )
    print_error(expected, as_json="--json" in sys.argv)
    raise SystemExit(expected.exit_status)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value) if one.name not in _NOT_SHOWN}
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    return str(value)
