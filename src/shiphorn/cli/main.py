"""The command `horn`. Commands live in files by what people want; imports inside them are late.

`horn --help` has to be there at once, so nothing heavy is imported here.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import shiphorn
from shiphorn.cli import (
    approving,
    auto,
    backing_up,
    configuring,
    endpoints,
    locking,
    looking,
    operating,
    queueing,
    reporting,
    running,
    serving,
    shipping,
    signing_in,
    steering,
    trying,
)
from shiphorn.cli.help import Command, Group
from shiphorn.cli.terminal import failing_well

app = typer.Typer(
    cls=Group,
    name="horn",
    help="Deploy any application to any number of hosts, all at once, or not at all.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(cls=Group, help="Look at deploy.yml: check, explain, schema.", rich_markup_mode=None)
endpoint_app = typer.Typer(
    cls=Group,
    help="Give a branch an environment and a URL of its own: endpoint create, list, extend, remove, prune.",
    rich_markup_mode=None,
)
auto_app = typer.Typer(
    cls=Group, help="What goes out by itself: auto status, stop, resume.", rich_markup_mode=None
)
host_app = typer.Typer(cls=Group, help="Trust the key of a host: host trust.", rich_markup_mode=None)

service_app = typer.Typer(
    cls=Group, help="Have the service run by itself: service unit.", rich_markup_mode=None
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"horn {shiphorn.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        looking.next_step()


_COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Ship": (
        shipping.deploy,
        shipping.rollback,
        shipping.converge,
        steering.pause,
        steering.continue_,
        steering.stop,
        shipping.resume,
    ),
    "Look": (
        looking.status,
        looking.releases,
        looking.history,
        looking.logs,
        looking.hosts,
        reporting.builds,
    ),
    "Guard": (
        locking.lock,
        locking.unlock,
        locking.locks,
        locking.bad,
        queueing.queue,
        queueing.why,
        approving.approve,
        reporting.report,
    ),
    "Serve": (serving.serve, serving.worker, backing_up.backup, backing_up.restore),
    "Set up": (configuring.init, looking.doctor, signing_in.login, signing_in.logout),
    "Try": (trying.demo, trying.sound),
}
for panel, commands in _COMMANDS.items():
    for command in commands:
        app.command(command.__name__.rstrip("_"), cls=Command, rich_help_panel=panel)(command)
app.command("exec", cls=Command, rich_help_panel="Look")(running.execute)
config_app.command(cls=Command)(configuring.check)
config_app.command(cls=Command)(configuring.explain)
config_app.command(cls=Command)(configuring.schema)
for command in (auto.status, auto.stop, auto.resume):
    auto_app.command(cls=Command)(command)
host_app.command(cls=Command)(running.trust)
service_app.command(cls=Command)(operating.unit)
for one in (endpoints.create, endpoints.list_, endpoints.extend, endpoints.remove, endpoints.prune):
    endpoint_app.command(one.__name__.rstrip("_"), cls=Command)(one)
app.add_typer(endpoint_app, name="endpoint", rich_help_panel="Ship")
app.add_typer(auto_app, name="auto", rich_help_panel="Ship")
app.add_typer(config_app, name="config", rich_help_panel="Set up")
app.add_typer(host_app, name="host", rich_help_panel="Set up")
app.add_typer(service_app, name="service", rich_help_panel="Serve")


def main() -> None:
    """Run the command line."""
    _write_whole()
    # Looking for garbage among what was imported would take 0.3 s of a start, and again of an end.
    gc.disable()
    try:
        failing_well(app)
    finally:
        gc.freeze()


def _write_whole() -> None:
    """Have all reach standard output that is written to it, also under PYTHONUNBUFFERED.

    Python then hands each text to the system once, and drops what a pipe does not take of it.
    """
    # Annotated as buffered, which it is not then.
    raw: object = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        buffered = io.BufferedWriter(raw)
        sys.stdout = io.TextIOWrapper(buffered, sys.stdout.encoding, sys.stdout.errors, line_buffering=True)
