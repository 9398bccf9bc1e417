"""init, config check, config explain, config schema: the commands about deploy.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shiphorn.cli import terminal
from shiphorn.cli.desk import desk_for
from shiphorn.cli.terminal import ConfigOption, JsonOption, LocalOption, OfOption


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


def check(
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Validate deploy.yml, and show what each host would get."""
    found = desk_for(config, of, local=local).check()
    if as_json:
        terminal.print_json(
            {
                place.environment: [
                    {"host": one.host, "settings": one.settings, "checks": checks}
                    for one, checks in zip(place.members, place.checks, strict=True)
                ]
                for place in found.places
            }
        )
        return
    from rich.markup import escape  # noqa: PLC0415

    from shiphorn.cli.show_config import show_members  # noqa: PLC0415

    console = terminal.console()
    console.print(
        f"[green]✓[/] {escape(found.path)} is valid: {escape(found.app)} from {escape(found.repo)}, "
        f"branch {escape(found.branch)}"
    )
    for place in found.places:
        show_members(console, place.environment, place.build, place.members)


def explain(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Environment.")],
    host: Annotated[
        str, typer.Argument(metavar="[HOST]", help="Host; the environment itself if left out.")
    ] = "",
    key: Annotated[
        str, typer.Argument(metavar="[KEY]", help="Key such as env.REGION, or its beginning.")
    ] = "",
    as_json: JsonOption = False,
    of: OfOption = "",
    local: LocalOption = False,
    config: ConfigOption = None,
) -> None:
    """Each value that holds for a host, with the layer and the line that it comes from."""
    rows = desk_for(config, of, local=local).explain(environment, host, key)
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
