"""demo and sound: the commands to try things with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shiphorn.cli import terminal


def demo(
    hosts: Annotated[int, typer.Option("--hosts", metavar="N", min=1, max=500, help="How many.")] = 6,
    stay: Annotated[
        bool, typer.Option("--stay/--no-stay", help="Stay up to play with, until Ctrl-C; or end by itself.")
    ] = True,
    mute: Annotated[bool, typer.Option("--mute", help="Do not sound the horn.")] = False,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar="FOLDER",
            help="Where all of it lives, and is kept; a temporary folder if left out.",
        ),
    ] = None,
) -> None:
    """See it work: a fleet of SSH hosts on this machine, deploys, a rollback, and a service to sign in to."""
    from shiphorn.cli.demo import perform  # noqa: PLC0415

    terminal.run(perform(hosts, stay=stay, mute=mute, directory=directory))


def sound(
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to this WAV file instead.")
    ] = None,
) -> None:
    """Sound the horn."""
    from shiphorn.adapters.sound import horn_wave, play  # noqa: PLC0415

    wave = horn_wave()
    if file is not None:
        file.write_bytes(wave)
        typer.echo(f"Wrote {file}.")
    elif not terminal.run(play(wave)):
        typer.echo("This machine cannot play sound. Save it: horn sound --output horn.wav", err=True)
        raise SystemExit(1)
