"""A fleet of SSH hosts in one process: no root, no sshd, each with its own home and a real `/bin/sh`.

For `horn demo` and for tests, which can also have a host misbehave (`Fault`). Runs on asyncio's own
event loop: with uvloop the streams of a server's processes get corrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import asyncssh

CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class DemoHost:
    """A host to be. Its home is a folder of its name."""

    name: str
    region: str
    zone: str = ""
    roles: tuple[str, ...] = ()


@dataclass(slots=True)
class Fault:
    """How a host misbehaves; may be changed while it runs.

    refuse: it closes every connection at once. hang: it answers nothing any more. drop_after_bytes:
    the connection breaks once so many bytes have come in, one time. drop_on: it breaks once, when
    the host is about to say this. drop_when_told: it breaks once, before the host hears this.
    delay_seconds: each chunk takes so long, either way. noise: it greets with this. path: folders
    put ahead on the PATH, with programs that fail.
    """

    refuse: bool = False
    hang: bool = False
    drop_after_bytes: int = 0
    drop_on: bytes = b""
    drop_when_told: bytes = b""
    delay_seconds: float = 0.0
    noise: bytes = b""
    path: str = ""


class DemoFleet:
    """The hosts, listening on free ports of 127.0.0.1. `faults` is by host name.

    `root` gets the user's key `id_ed25519`, `known_hosts`, and a home a host below `hosts/`.
    """

    def __init__(self, root: Path, hosts: Sequence[DemoHost]) -> None:
        self.root = root
        self.hosts = {host.name: host for host in hosts}
        self.ports: dict[str, int] = {}
        self.faults: dict[str, Fault] = {}
        self.commands: dict[str, int] = {}
        self._servers: list[asyncssh.SSHAcceptor] = []
        self._connections: dict[str, set[asyncssh.SSHServerConnection]] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Make the keys and the homes, and listen. The same root gives the same hosts again."""
        self.root.mkdir(parents=True, exist_ok=True)
        user_key = _key(self.root / "id_ed25519")
        trusted = asyncssh.import_authorized_keys(user_key.export_public_key().decode())
        lines = []
        for name in self.hosts:
            self.home(name).mkdir(parents=True, exist_ok=True)
            host_key = _key(self.root / "keys" / name)
            server = await asyncssh.create_server(
                lambda name=name: _Server(self, name),
                "127.0.0.1",
                self._port_of_before(name),
                server_host_keys=[host_key],
                authorized_client_keys=trusted,
                process_factory=lambda process, name=name: self._serve(name, process),
                encoding=None,
                agent_forwarding=False,
                login_timeout=60,
            )
            self._servers.append(server)
            self.ports[name] = server.get_port()
            public = host_key.export_public_key().decode().strip()
            lines.append(f"[127.0.0.1]:{self.ports[name]} {public}")
        (self.root / "known_hosts").write_text("\n".join(lines) + "\n")
        (self.root / "ports.json").write_text(json.dumps(self.ports))

    async def stop(self) -> None:
        """Close everything."""
        for server in self._servers:
            server.close()
        for name in self._connections:
            self.drop(name)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    def home(self, name: str) -> Path:
        """The home folder of a host."""
        return self.root / "hosts" / name

    def drop(self, name: str) -> None:
        """Break all connections to a host."""
        for connection in list(self._connections.get(name, ())):
            connection.abort()

    def config_regions(self) -> dict[str, Any]:
        """The hosts as `regions` of a config."""
        regions: dict[str, Any] = {}
        for host in self.hosts.values():
            entry: dict[str, Any] = {
                "name": host.name,
                "address": "127.0.0.1",
                "port": self.ports[host.name],
            }
            if host.zone:
                entry["zone"] = host.zone
            if host.roles:
                entry["roles"] = list(host.roles)
            regions.setdefault(host.region, {"hosts": []})["hosts"].append(entry)
        return regions

    def connected(self, name: str, connection: asyncssh.SSHServerConnection) -> None:
        """A client has come. Called by the server."""
        if self.faults.get(name, Fault()).refuse:
            connection.abort()
        self._connections.setdefault(name, set()).add(connection)

    def disconnected(self, name: str, connection: asyncssh.SSHServerConnection | None) -> None:
        """A client has gone. Called by the server."""
        if connection is not None:
            self._connections.get(name, set()).discard(connection)

    def _port_of_before(self, name: str) -> int:
        path = self.root / "ports.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        return int(before.get(name, 0))

    async def _serve(self, name: str, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.commands[name] = self.commands.get(name, 0) + 1
        fault = self.faults.get(name, Fault())
        path = (
            f"{fault.path}:{os.environ.get('PATH', os.defpath)}"
            if fault.path
            else os.environ.get("PATH", os.defpath)
        )
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            *(("-c", process.command) if process.command else ()),
            cwd=self.home(name),
            env={"HOME": str(self.home(name)), "USER": name, "PATH": path},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        if fault.noise:
            process.stdout.write(fault.noise)
        try:
            async with asyncio.TaskGroup() as group:
                coming = group.create_task(self._carry_in(name, process, child))
                group.create_task(self._carry_out(name, child.stdout, process.stdout))
                group.create_task(self._carry_out(name, child.stderr, process.stderr))
                status = await child.wait()
                coming.cancel()
            process.exit(status if status >= 0 else 128 - status)
        except* (OSError, asyncssh.Error):
            pass
        finally:
            # What the client leaves behind is hung up; a new session escapes that.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGHUP)
            await child.wait()

    async def _carry_in(
        self, name: str, process: asyncssh.SSHServerProcess[bytes], child: asyncio.subprocess.Process
    ) -> None:
        stdin = child.stdin
        if stdin is None:
            return
        taken = 0
        try:
            while data := await process.stdin.read(CHUNK_BYTES):
                fault = self.faults.get(name, Fault())
                await asyncio.sleep(fault.delay_seconds)
                taken += len(data)
                if 0 < fault.drop_after_bytes <= taken:
                    fault.drop_after_bytes = 0
                    self.drop(name)
                    return
                if fault.drop_when_told and fault.drop_when_told in data:
                    fault.drop_when_told = b""
                    self.drop(name)
                    return
                stdin.write(data)
                await stdin.drain()
        finally:
            stdin.close()

    async def _carry_out(
        self,
        name: str,
        source: asyncio.StreamReader | None,
        target: asyncssh.SSHWriter[bytes],
    ) -> None:
        if source is None:
            return
        while data := await source.read(CHUNK_BYTES):
            fault = self.faults.get(name, Fault())
            await asyncio.sleep(fault.delay_seconds)
            if fault.drop_on and fault.drop_on in data:
                fault.drop_on = b""
                self.drop(name)
                return
            if fault.hang:
                await asyncio.Event().wait()
            target.write(data)
            await target.drain()


class _Server(asyncssh.SSHServer):
    """Tells the fleet who comes and goes; anybody with the user key may log in, by any name."""

    def __init__(self, fleet: DemoFleet, name: str) -> None:
        self._fleet = fleet
        self._name = name
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Called by asyncssh."""
        self._connection = conn
        self._fleet.connected(self._name, conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Called by asyncssh."""
        self._fleet.disconnected(self._name, self._connection)


def demo_hosts(count: int, regions: Sequence[str] = ("eu", "us", "ap")) -> list[DemoHost]:
    """So many hosts, spread over regions of two zones each; the first of a region has the role db."""
    made = []
    for number in range(count):
        region = regions[number % len(regions)]
        place = number // len(regions)
        roles = ("web", "db") if place == 0 else ("web",)
        made.append(DemoHost(f"web{place + 1}.{region}", region, f"{region}-1{'ab'[place % 2]}", roles))
    return sorted(made, key=lambda host: (regions.index(host.region), host.name))


def _key(path: Path) -> asyncssh.SSHKey:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        key = asyncssh.generate_private_key("ssh-ed25519")
        path.touch(mode=0o600)
        key.write_private_key(path)
        key.write_public_key(path.with_name(path.name + ".pub"))
    return asyncssh.read_private_key(path)


async def _run(root: Path, hosts: Sequence[DemoHost]) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with DemoFleet(root, hosts) as fleet:
        sys.stdout.write(json.dumps({"root": str(root), "regions": fleet.config_regions()}) + "\n")
        sys.stdout.flush()
        await ended.wait()


def main() -> None:
    """Run a fleet until SIGTERM or SIGINT; one JSON line says when it is up."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--hosts", type=int, default=6)
    parser.add_argument("--regions", default="eu,us,ap")
    given = parser.parse_args()
    asyncio.run(_run(given.root, demo_hosts(given.hosts, given.regions.split(","))))


if __name__ == "__main__":
    main()
