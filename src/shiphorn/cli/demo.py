"""The demo: everything real but the machines, which are folders on this one."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import shutil
import signal
import sys
import tempfile
import time
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
from shiphorn.demo.company import LOCK_REASON, LOCKED, LOCKED_BY, write_company
from shiphorn.demo.project import break_repository, free_port, make_repository, write_config
from shiphorn.demo.story import invite_all, live_through, open_service, sign_in_link
from shiphorn.errors import DeployFailed, Refused
from shiphorn.model.deploy import Deploy, DeployState, Kind, Order
from shiphorn.model.target import Selection
from shiphorn.wiring import actor

if TYPE_CHECKING:
    from rich.console import Console

    from shiphorn.config.load import Config

START_SECONDS = 60.0
SERVICE_END_SECONDS = 12.0


async def perform(hosts: int, *, stay: bool, mute: bool, directory: Path | None) -> None:
    """Run the demo from the first host to the last word."""
    console = terminal.console()
    folder = _folder(directory)
    # Its deploys are nobody's history: they stay with the demo.
    # What is only tried does not belong on the record of a team.
    os.environ.pop("HORN_DATABASE", None)
    _keep_state_in(folder)
    try:
        console.print(
            f"[bold]1.[/] A fleet of {hosts} SSH hosts in three regions, each with a home and a shell"
        )
        async with _fleet(folder, hosts) as regions:
            plain = copy.deepcopy(regions)
            make_repository(folder / "sample.git")
            ports = write_config(folder, regions)
            await _acts(console, load(folder / "deploy.yml"), folder, ports)
            await _serve(console, folder, plain, stay=stay, mute=mute)
    finally:
        _stop_servers(folder)
        if directory is None:
            shutil.rmtree(folder, ignore_errors=True)
    _last_words(console, "" if directory is None else str(folder))


async def _acts(console: Console, config: Config, folder: Path, ports: dict[str, int]) -> None:
    console.print("\n[bold]2.[/] From a laptop: built here once, sent to all, switched at one instant")
    await _ship(console, config, Kind.DEPLOY)
    await _visit(console, ports)
    console.print("\n[bold]3.[/] Another version, which fails in one region: all go back by themselves")
    break_repository(folder / "sample.git")
    await _ship(console, config, Kind.DEPLOY, ends=DeployState.ROLLED_BACK)
    await _visit(console, ports)
    console.print("\n[bold]4.[/] What runs where: [cyan]horn status production[/]")
    looking.show_status(await status(config, "production", Selection()))


async def _serve(console: Console, folder: Path, regions: dict[str, Any], *, stay: bool, mute: bool) -> None:
    """The same for a team: a service, three apps, and people who ship them."""
    console.print("\n[bold]5.[/] For a team: [cyan]horn serve[/], three apps in staging and production")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    place = folder / "service"
    _keep_state_in(place)
    config = write_company(place, folder / "fleet", regions, url, time.time())
    async with open_service(config) as service:
        invite_all(service)
        async with _service(place, config, port):
            await live_through(service, lambda deploy, hosts: _show(console, deploy, hosts))
            console.print(f"   {LOCKED} is locked by {LOCKED_BY}: {LOCK_REASON}")
            if not mute:
                await play(await asyncio.to_thread(horn_wave))
            link = sign_in_link(service, "ada")
            console.print(
                f"\n[bold]Open it:[/] {url}{link}\n"
                f"This link signs you in as Ada, the admin, once. From then on: {url}/"
            )
            if stay:
                await _stay(console, folder)


def _show(console: Console, deploy: Deploy, hosts: int) -> None:
    order = deploy.order
    seconds = (deploy.finished_at or deploy.started_at) - deploy.started_at
    well = deploy.state == DeployState.SUCCEEDED
    mark = "[green]✓[/]" if well else "[yellow]↩[/]"
    ended = "" if well else "  [yellow]failed its health check, and was rolled back[/]"
    name = f"{order.app} {deploy.sha[:8]} to {order.environment}"
    console.print(
        f"   {mark} {deploy.id:>2} {name:<32} {hosts} host{'s' if hosts != 1 else ' '} {seconds:5.1f} s"
        f"  by {order.actor}{ended}"
    )


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


async def _stay(console: Console, folder: Path) -> None:
    console.print(
        f"\nAll of it stays up until Ctrl-C. From a laptop, in another terminal:\n\n"
        f"  cd {folder} && export XDG_STATE_HOME=$PWD/state XDG_CACHE_HOME=$PWD/cache "
        "HORN_DATABASE= HORN_SERVICE=\n"
    )
    for command in (
        "horn status",
        "horn history",
        "horn deploy production --plan | less -R",
        "horn exec production -- cat REVISION",
        "horn logs 2",
        "horn why production",
    ):
        console.print(f"  {command}")
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


def _last_words(console: Console, kept: str) -> None:
    left = f"its files are in {kept}" if kept else "all of it is gone again"
    console.print(
        f"\nThat was the demo; {left}. Next:\n\n"
        "  horn init           in your project: writes its deploy.yml\n"
        "  horn serve          a service for your team\n"
        "  horn --help         all commands"
    )


def _keep_state_in(folder: Path) -> None:
    os.environ |= {"XDG_STATE_HOME": str(folder / "state"), "XDG_CACHE_HOME": str(folder / "cache")}


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
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline() if process.stdout else b""
        if not line:
            said = await process.stderr.read() if process.stderr else b""
            raise DeployFailed("SH607", f"the fleet did not start: {said.decode(errors='replace')[-300:]}")
        yield json.loads(line)["regions"]
    finally:
        await end(process)


@asynccontextmanager
async def _service(folder: Path, config: Path, port: int) -> AsyncIterator[None]:
    """The service in a process of its own, once it answers."""
    horn = [sys.executable, "-c", "from shiphorn.cli.main import main; main()"]
    log = folder / "serve.log"
    with log.open("wb") as file:
        process = await start(
            [*horn, "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}"],
            directory=folder,
            stderr=file.fileno(),
        )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _answers(port):
                if process.returncode is not None:
                    said = log.read_text(errors="replace")[-300:]
                    raise DeployFailed("SH607", f"the service did not start: {said}")
                await asyncio.sleep(0.05)
        yield
    finally:
        await end(process, grace_seconds=SERVICE_END_SECONDS)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _stop_servers(folder: Path) -> None:
    for path in folder.glob("fleet/hosts/*/sample/shared/run/app.pid"):
        with suppress(OSError, ValueError):
            os.kill(int(path.read_text()), signal.SIGTERM)
