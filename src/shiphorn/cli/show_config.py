"""What a config means for the hosts of an environment: what all of them get once, then what differs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from shiphorn.cli.show import counted, table, visible
from shiphorn.model.settings import Command, SecretRef
from shiphorn.service.hosts.fleet import Member

Row = tuple[str, str]
"""(key, value) of one setting, as text."""


def show_members(
    console: Console, environment: str, commands: Sequence[Command], members: Sequence[Member]
) -> None:
    """Show the hosts of an environment with their settings, and the commands that build for it."""
    console.print(f"\n[bold]{escape(environment)}[/]: {counted(len(members), 'host')}")
    rows = [_rows(member) for member in members]
    shared = [row for row in rows[0] if all(row in other for other in rows)] if rows else []
    build = [("commands.build", "; ".join(map(_command, commands)))] if commands else []
    common = table("key", "value", head=False)
    for key, value in build + shared:
        common.add_row(f"  [dim]{escape(key)}[/]", escape(value))
    console.print(common)
    shown = table("  host", "login", "differs")
    for member, own in zip(members, rows, strict=True):
        differs = " ".join(
            f"{key.removeprefix('env.')}={value}" for key, value in own if (key, value) not in shared
        )
        shown.add_row(f"  {escape(member.host.name)}", escape(_login(member)), escape(differs))
    console.print(shown)


def value_of(value: object) -> str:
    """A value of the config as a person would write it."""
    match value:
        case SecretRef(name=name) | {"secret": name}:
            text = f"(secret {name})"
        case list():
            text = ", ".join(value_of(one) for one in value)
        case {"run": run}:
            text = str(run)
        case dict():
            text = " ".join(f"{name} {value_of(one)}" for name, one in value.items())
        case bool():
            text = str(value).lower()
        case float():
            text = f"{value:g}"
        # A port of 0 stands for ssh's own.
        case None | 0:
            text = ""
        case _:
            text = str(value)
    return visible(text)


def _rows(member: Member) -> list[Row]:
    settings = member.settings
    shared = [f"{path}/" for path in settings.shared_dirs] + list(settings.shared_files)
    rows = [
        ("deploy_to", settings.deploy_to),
        ("keep_releases", str(settings.keep_releases)),
        ("shared", " ".join(shared)),
        ("env_file", settings.env_file),
    ]
    rows += [
        (f"commands.{moment}", "; ".join(map(_command, commands)))
        for moment, commands in settings.commands.items()
    ]
    rows.append(("watch", "; ".join(check.name for check in settings.watch)))
    rows += [(f"env.{name}", value_of(value)) for name, value in settings.env.items()]
    return [(key, value) for key, value in rows if value or key.startswith("env.")]


def _command(command: Command) -> str:
    notes = [*(["once"] if command.once else []), *command.roles]
    notes += [f"as {command.user}"] if command.user else []
    return visible(command.run) + (f" ({', '.join(notes)})" if notes else "")


def _login(member: Member) -> str:
    port = member.host.port or member.login.port
    address = f"{member.host.address}:{port}" if port else member.host.address
    return f"{member.login.user}@{address}" if member.login.user else address
