"""The demo: everything real but the machines, which are folders on this one."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shiphorn.adapters.programs import end, start
from shiphorn.adapters.sound import horn_wave, play
from shiphorn.cli import looking, terminal
from shiphorn.cli.desk_here import ship, status
from shiphorn.cli.show import show_end
from shiphorn.config.load import load
from shiphorn.demo.project import break_repository, change_repository, make_repository, write_config
from shiphorn.errors import DeployFailed, Refused
from shiphorn.model.deploy import DeployState, Kind, Order
from shiphorn.model.target import Selection
from shiphorn.wiring import actor

if TYPE_CHECKING:
    from rich.console import Console

    from shiphorn.config.load import Config

FLEET_START_SECONDS = 60.0


async def perform(hosts: int, *, keep: bool, mute: bool, directory: Path | None) -> None:
    """Run the demo from the first host to the last word."""
    console = terminal.console()
    folder = _folder(directory)
    # Its deploys are nobody's history: they stay with the demo.
    # What is only tried does not belong on the record of a team.
    os.environ.pop("HORN_DATABASE", None)
    os.environ |= {"XDG_STATE_HOME": str(folder / "state"), "XDG_CACHE_HOME": str(folder / "cache")}
    try:
        console.print(
            f"[bold]1.[/] A fleet of {hosts} SSH hosts in three regions, each with a home and a shell"
        )
        async with _fleet(folder, hosts) as regions:
            make_repository(folder / "sample.git")
            ports = write_config(folder, regions)
            config = load(folder / "deploy.yml")
            await _acts(console, config, folder, ports, mute=mute)
            if keep:
                await _stay(console, folder, ports)
            else:
                _last_words(console)
    finally:
        _stop_servers(folder)
        if directory is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _acts(console: Console, config: Config, folder: Path, ports: dict[str, int], *, mute: bool) -> None:
    console.print("\n[bold]2.[/] The first deploy: built here once, sent to all, switched at one instant")
    await _ship(console, config, Kind.DEPLOY)
    await _visit(console, ports)
    console.print("\n[bold]3.[/] A second version")
    change_repository(folder / "sample.git")
    await _ship(console, config, Kind.DEPLOY)
    await _visit(console, ports)
    console.print("\n[bold]4.[/] A third one, which fails in one region: all go back by themselves")
    break_repository(folder / "sample.git")
    await _ship(console, config, Kind.DEPLOY, ends=DeployState.ROLLED_BACK)
    await _visit(console, ports)
    console.print("\n[bold]5.[/] What runs where: [cyan]horn status production[/]")
    looking.show_status(await status(config, "production", Selection()))
    console.print("\n[bold]6.[/] Back to the first one, by hand: [cyan]horn rollback production[/]")
    await _ship(console, config, Kind.ROLLBACK)
    await _visit(console, ports)
    console.print("\n[bold]7.[/] And the horn")
    if mute or not await play(await asyncio.to_thread(horn_wave)):
        console.print("   (muted, or this machine cannot play sound: [cyan]horn sound --output horn.wav[/])")


async def _ship(
    console: Console, config: Config, kind: Kind, ends: DeployState = DeployState.SUCCEEDED
) -> None:
    order = Order(config.app, "production", kind, actor=actor())
    result = await ship(config, order, terminal.console(), mute=True)
    show_end(console, result.deploy, result.hosts)
    if result.deploy.state != ends:
        raise DeployFailed("SH606", "a deploy of the demo did not end as meant.", hint="Please report this.")


async def _visit(console: Console, ports: dict[str, int]) -> None:
    """Ask the app itself, over HTTP, what it is."""
    name, port = next(iter(ports.items()))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    page = (await reader.read()).decode()
    writer.close()
    greeting = page.split("<h1>")[1].split("</h1>")[0]
    console.print(f"   [dim]$ curl http://127.0.0.1:{port}/[/]   {name} says: [bold]{greeting}[/]")


async def _stay(console: Console, folder: Path, ports: dict[str, int]) -> None:
    console.print(
        f"\nThe fleet stays up until Ctrl-C. In another terminal:\n\n"
        f"  cd {folder} && export XDG_STATE_HOME=$PWD/state XDG_CACHE_HOME=$PWD/cache "
        "HORN_DATABASE= HORN_SERVICE=\n"
    )
    name, port = next(iter(ports.items()))
    for command in (
        "horn status",
        "horn history",
        "horn deploy production --plan | less -R",
        "horn exec production -- cat REVISION",
        f"horn config explain production {name}",
        "horn logs 3",
        "horn why production",
        f"curl http://127.0.0.1:{port}/",
    ):
        console.print(f"  {command}")
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


def _last_words(console: Console) -> None:
    console.print(
        "\nThat was the demo; all of it is gone again. Next:\n\n"
        "  horn demo --keep    the same, and the fleet stays up to play with\n"
        "  horn init           in your project: writes its deploy.yml\n"
        "  horn --help         all commands"
    )


def _folder(directory: Path | None) -> Path:
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="horn-demo-"))
    if directory.exists() and any(directory.iterdir()):
        raise Refused("SH531", f"{directory} is not empty.", hint="Name a new folder.")
    directory.mkdir(parents=True, exist_ok=True)
    return directory.resolve()


@asynccontextmanager
async def _fleet(folder: Path, hosts: int) -> AsyncIterator[dict[str, Any]]:
    """The fleet in a process of its own: it needs asyncio's event loop, this one has another."""
    process = await start(
        [sys.executable, "-m", "shiphorn.demo.fleet", str(folder / "fleet"), "--hosts", str(hosts)]
    )
    try:
        async with asyncio.timeout(FLEET_START_SECONDS):
            line = await process.stdout.readline() if process.stdout else b""
        if not line:
            said = await process.stderr.read() if process.stderr else b""
            raise DeployFailed("SH607", f"the fleet did not start: {said.decode(errors='replace')[-300:]}")
        yield json.loads(line)["regions"]
    finally:
        await end(process)


def _stop_servers(folder: Path) -> None:
    for path in folder.glob("fleet/hosts/*/sample/shared/run/app.pid"):
        with suppress(OSError, ValueError):
            os.kill(int(path.read_text()), signal.SIGTERM)
