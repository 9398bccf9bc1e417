"""service unit: what it takes to have the service run by itself."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer


def unit(
    listen: Annotated[
        str, typer.Option("--listen", "-l", metavar="HOST:PORT", help="Where to listen.")
    ] = "127.0.0.1:8400",
    config: Annotated[
        Path, typer.Option("--config", "-c", metavar="FILE", help="shiphorn.yml of the service.")
    ] = Path("/etc/shiphorn/shiphorn.yml"),
    proxies: Annotated[
        str,
        typer.Option(
            "--proxies", metavar="ADDRESSES", help="Reverse proxies that are believed who asks, by commas."
        ),
    ] = "",
    user: Annotated[
        str, typer.Option("--user", metavar="USER", help="Who it runs as; one made by systemd if left out.")
    ] = "",
) -> None:
    """Print a systemd unit for this installation."""
    from shiphorn.cli.serving import address  # noqa: PLC0415
    from shiphorn.service.operations.unit import Installation  # noqa: PLC0415
    from shiphorn.service.operations.unit import unit as text_of  # noqa: PLC0415

    address(listen)
    installed = Installation(_program(), listen, config.absolute(), proxies, user)
    typer.echo(text_of(installed), nl=False)


def _program() -> Path:
    """The `horn` that runs now, by its whole path."""
    beside = Path(sys.executable).with_name("horn")
    return beside if beside.exists() else Path(shutil.which("horn") or beside)
