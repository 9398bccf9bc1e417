"""Write docs/reference/ from the program itself; with --check, fail if it is stale."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from shiphorn.cli.main import app
from shiphorn.config.reference import markdown, service_markdown

FOLDER = Path(__file__).parent.parent / "docs" / "reference"


def cli() -> str:
    """The reference of all commands."""
    group = typer.main.get_command(app)
    parts = ["# The command line\n\nGenerated from the program; `make docs` writes it anew.\n"]
    parts += _commands(group, "horn")
    return "".join(parts)


def _commands(group: Any, name: str) -> list[str]:
    parts = []
    for word, command in group.commands.items():
        full = f"{name} {word}"
        if hasattr(command, "commands"):
            parts += _commands(command, full)
        else:
            parts.append(_command(command, full))
    return parts


def _command(command: Any, name: str) -> str:
    arguments, options = [], []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            arguments.append(parameter.metavar or parameter.name.upper())
        elif parameter.name not in ("install_completion", "show_completion"):
            options.append(f"| `{', '.join(parameter.opts)}` | {parameter.help or ''} |\n")
    text = f"\n## {name} {' '.join(arguments)}".rstrip() + f"\n\n{command.help}\n"
    if options:
        text += "\n| Option | Meaning |\n| --- | --- |\n" + "".join(options)
    return text


def main() -> int:
    """Exit status: 1 if --check finds a stale file."""
    wanted = {"cli.md": cli(), "config.md": markdown(), "service.md": service_markdown()}
    stale = [
        name
        for name, text in wanted.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text
    ]
    if "--check" in sys.argv:
        for name in stale:
            print(f"docs/reference/{name} is stale. Write it anew: make docs", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
