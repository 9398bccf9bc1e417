"""init, config check, config explain, config schema: the commands about deploy.yml."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.terminal import ConfigOption, JsonOption
from shiphorn.errors import ConfigError, Refused

if TYPE_CHECKING:
    from shiphorn.config.layers import Explained
    from shiphorn.config.load import Config
    from shiphorn.service.fleet import Member


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="The project; here if left out.")
    ] = Path(),
) -> None:
    """Write a first deploy.yml for the project that is found; never overwrites one."""
    from shiphorn.config.starter import detect, write_starter  # noqa: PLC0415

    kind = detect(directory)
    path = write_starter(directory)
    typer.echo(f"Wrote {path} for a {kind} project. Put your hosts into it, then: horn config check")


def check(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Validate deploy.yml, and show what each host would get."""
    loaded = terminal.config(config)
    found = {name: terminal.run(_members(loaded, name)) for name in loaded.environments}
    if as_json:
        terminal.print_json(
            {
                name: [
                    {
                        "host": one.host,
                        "settings": one.settings,
                        "checks": loaded.checks(name, one.host),
                    }
                    for one in all_
                ]
                for name, all_ in found.items()
            }
        )
        return
    from rich.markup import escape  # noqa: PLC0415

    from shiphorn.cli.show_config import show_members  # noqa: PLC0415
    from shiphorn.model.redact import without_password  # noqa: PLC0415

    console = terminal.console()
    repo = without_password(loaded.repo)
    console.print(
        f"[green]✓[/] {escape(str(loaded.path))} is valid: {escape(loaded.app)} from {escape(repo)}, "
        f"branch {escape(loaded.branch)}"
    )
    for name, members in found.items():
        show_members(console, loaded.environment(name), members)


def explain(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Environment.")],
    host: Annotated[
        str, typer.Argument(metavar="[HOST]", help="Host; the environment itself if left out.")
    ] = "",
    key: Annotated[
        str, typer.Argument(metavar="[KEY]", help="Key such as env.REGION, or its beginning.")
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Each value that holds for a host, with the layer and the line that it comes from."""
    loaded = terminal.config(config)
    rows = _explained(loaded, environment, host, key)
    if as_json:
        terminal.print_json(rows)
        return
    from rich.markup import escape  # noqa: PLC0415

    from shiphorn.cli.show import table  # noqa: PLC0415
    from shiphorn.cli.show_config import value_of  # noqa: PLC0415

    shown = table("key", "value", "layer", "where", gives_way="value")
    for row in rows:
        shown.add_row(row.key, escape(value_of(row.value)), row.layer, row.where)
    terminal.console().print(shown)


def schema() -> None:
    """Print the JSON Schema of deploy.yml, for editors."""
    from shiphorn.config.schema import json_schema  # noqa: PLC0415

    terminal.print_json(json_schema())


def _explained(loaded: Config, environment: str, host: str, key: str) -> list[Explained]:
    loaded.environment(environment)
    if not host:
        return loaded.explain(environment, None, key)
    found = terminal.run(_members(loaded, environment))
    chosen = next((one.host for one in found if one.host.name == host), None)
    if chosen is not None:
        return loaded.explain(environment, chosen, key)
    if not key:
        # `explain ENV KEY`, the host left out.
        with suppress(ConfigError):
            return loaded.explain(environment, None, host)
    raise Refused("SH528", f"{environment} has no host {host}.", hint=f"See them: horn hosts {environment}")


async def _members(config: Config, environment: str) -> list[Member]:
    from shiphorn.model.target import Selection  # noqa: PLC0415
    from shiphorn.service.fleet import members  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        return await members(world, config, environment, Selection())
