"""serve, worker: the commands that make a service."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.errors import ConfigError

if TYPE_CHECKING:
    from shiphorn.web.site import Site


class LogKind(StrEnum):
    """What a line of the log is for: people or programs."""

    TEXT = "text"
    JSON = "json"


ServiceConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="shiphorn.yml, or the deploy.yml of a single app; what is found here if left out.",
    ),
]
DatabaseOption = Annotated[
    str, typer.Option("--database", metavar="URL", help="postgresql://...; SQLite files if left out.")
]

LogOption = Annotated[LogKind, typer.Option("--log", help="How it logs, on standard error.")]


def serve(
    listen: Annotated[
        str, typer.Option("--listen", "-l", metavar="HOST:PORT", help="Where to listen.")
    ] = "127.0.0.1:8400",
    database: DatabaseOption = "",
    proxies: Annotated[
        str,
        typer.Option(
            "--proxies", metavar="ADDRESSES", help="Reverse proxies that are believed who asks, by commas."
        ),
    ] = "",
    log: LogOption = LogKind.TEXT,
    config: ServiceConfigOption = None,
) -> None:
    """Run the service: web pages, the API, and the deploys that people order there."""
    from shiphorn.serving import Listening  # noqa: PLC0415
    from shiphorn.serving import serve as run  # noqa: PLC0415

    use_database(database)
    host, port = address(listen)
    path, single = service_files(config)
    listening = Listening(host, port, path, single, proxies, log)
    terminal.run(run(listening, lambda site, code: _announce(listen, site, code)))


def worker(
    database: DatabaseOption = "", log: LogOption = LogKind.TEXT, config: ServiceConfigOption = None
) -> None:
    """Carry out deploys of a service that shares the database, and serve no pages."""
    from shiphorn.serving import work  # noqa: PLC0415

    use_database(database)
    if not os.environ.get("HORN_DATABASE"):
        raise ConfigError(
            "SH154", "a worker needs a PostgreSQL that it shares with the service.", hint="Set HORN_DATABASE."
        )
    terminal.run(work(service_files(config)[0], log))


def use_database(url: str) -> None:
    """Let this process work on a database. Raises ConfigError SH153 for an address with a password."""
    if "@" in url and ":" in url.split("://", 1)[-1].rsplit("@", 1)[0]:
        raise ConfigError(
            "SH153",
            "the address of the database holds a password, which everybody on this machine can read.",
            hint="Set HORN_DATABASE to it instead, or put the password into ~/.pgpass.",
        )
    if url:
        os.environ["HORN_DATABASE"] = url


def service_files(given: Path | None) -> tuple[Path, Path | None]:
    """shiphorn.yml, and the deploy.yml of the only app where there is no shiphorn.yml."""
    from shiphorn.config import load, service  # noqa: PLC0415
    from shiphorn.serving import default_config  # noqa: PLC0415

    if given is not None and not given.exists():
        raise ConfigError("SH100", f"there is no {given}.", hint="Leave --config out to begin without.")
    path = given or default_config()
    if path.name == load.FILE_NAME:
        return path.with_name(service.FILE_NAME), path
    if not path.exists() and Path(load.FILE_NAME).exists():
        return Path(service.FILE_NAME).absolute(), Path(load.FILE_NAME).absolute()
    return path, None


def address(text: str) -> tuple[str, int]:
    """The host and the port of HOST:PORT. Raises ConfigError SH155."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ConfigError(
            "SH155", f'"{text}" is not HOST:PORT.', hint="For example 127.0.0.1:8400, or 0.0.0.0:8400."
        )
    return host.strip("[]"), int(port)


def _announce(listen: str, site: Site, code: str) -> None:
    typer.echo(f"shiphorn listens on {listen}. People reach it at {site.url}")
    if code:
        typer.secho(
            f"\nNobody has an account yet. Make the first: {site.url}/set-up?code={code}\n", bold=True
        )
