"""backup, restore: all that a service remembers, in one file."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.serving import DatabaseOption, use_database

if TYPE_CHECKING:
    from shiphorn.service.operations.backup import Installation


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, such as horn.tar.zst.")],
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Put the key in that what is encrypted can be read with.")
    ] = False,
    database: DatabaseOption = "",
) -> None:
    """Write all that is on record into a file, while the service runs."""
    from shiphorn.service.operations.backup import KEY, back_up  # noqa: PLC0415

    use_database(database)
    made = terminal.run(back_up(_installation(), file, time.time(), with_key=with_key))
    typer.echo(f"Wrote {file}: {', '.join(made['files'])}, {file.stat().st_size:,} bytes.")
    if KEY in made["files"]:
        typer.secho(
            f"It holds {KEY}: whoever has the file can read every secret that is in it.",
            fg="yellow",
            err=True,
        )
    elif with_key:
        terminal.note("The key is not in it: there is none in a file here. HORN_SECRET_KEY may hold it.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that horn backup wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Even if there is data: it is lost.")] = False,
    database: DatabaseOption = "",
) -> None:
    """Put back what a backup holds, once no service runs."""
    from shiphorn.service.operations.backup import KEY  # noqa: PLC0415
    from shiphorn.service.operations.backup import restore as put_back  # noqa: PLC0415

    use_database(database)
    found = terminal.run(put_back(_installation(), file, replace=replace))
    typer.echo(f"Restored {file}, made {found['made_at']} by shiphorn {found['shiphorn']}.")
    if KEY not in found["files"] and not os.environ.get("HORN_SECRET_KEY"):
        terminal.note(f"It came without {KEY}: what is encrypted can be read with the key of then only.")


def _installation() -> Installation:
    from shiphorn.service.operations.backup import Installation  # noqa: PLC0415
    from shiphorn.wiring import home, open_database  # noqa: PLC0415

    return Installation(home().state, open_database)
