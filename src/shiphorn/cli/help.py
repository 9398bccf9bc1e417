"""How help looks: usage as a person would type it, commands by what they are for."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command whose help names its arguments as they were named, without types and braces."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as click calls it
        """What stands behind `Usage: horn deploy`."""
        return ["[OPTIONS]", *(_name(one) for one in self.params if _is_argument(one))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The arguments that need a word, then the options."""
        arguments = [(_name(one), getattr(one, "help", "")) for one in self.params if _is_argument(one)]
        options = [one.get_help_record(ctx) for one in self.get_params(ctx) if not _is_argument(one)]
        for title, rows in (("Arguments", arguments), ("Options", [row for row in options if row])):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class Group(TyperGroup):
    """A group that shows its commands by panel, each with its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands, in the order in which they were added."""
        panels: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                panel = getattr(command, "rich_help_panel", None)
                sentence = (command.help or "").split("\n\n")[0]
                panels[panel if isinstance(panel, str) else "Commands"].append((name, sentence))
        for title, rows in panels.items():
            with formatter.section(title):
                formatter.write_dl(rows)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _name(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())
