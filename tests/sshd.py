"""Real OpenSSH servers on loopback ports, for tests."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shiphorn.model.settings import Login
from shiphorn.model.target import Host
from tests.programs import program


def keygen(*arguments: str) -> None:
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True, capture_output=True)


class Sshd:
    """One sshd with a key of its own, which lets `user_key` in. `options` are lines of sshd_config."""

    def __init__(
        self,
        folder: Path,
        user_key: Path,
        *options: str,
        host_certificate: Path | None = None,
        address: str = "127.0.0.1",
        within: tuple[str, ...] = (),
    ) -> None:
        self._command = (*within, program("sshd"))
        self.address = address
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.key = folder / "host_key"
        if not self.key.exists():
            keygen("-t", "ed25519", "-N", "", "-f", str(self.key))
        if host_certificate is not None:
            keygen("-s", str(host_certificate), "-I", "host", "-h", "-n", address, f"{self.key}.pub")
            options = (*options, f"HostCertificate {self.key}-cert.pub")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port: int = taken.getsockname()[1]
        self._config = folder / "sshd_config"
        self._config.write_text(
            "\n".join(
                (
                    f"Port {self.port}",
                    f"ListenAddress {address}",
                    f"HostKey {self.key}",
                    f"AuthorizedKeysFile {user_key}.pub",
                    f"PidFile {folder}/pid",
                    "StrictModes no",
                    "UsePAM no",
                    "PasswordAuthentication no",
                    "KbdInteractiveAuthentication no",
                    "PermitRootLogin yes",
                    "LogLevel VERBOSE",
                    *options,
                )
            )
            + "\n"
        )
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self.log = folder / "log"
        self.begin()

    def begin(self) -> None:
        """Start it, for the first time or again: on the same port, with the key that is in its file."""
        self.process = subprocess.Popen([*self._command, "-D", "-f", str(self._config), "-E", str(self.log)])
        deadline = time.monotonic() + 10
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"sshd did not start: {self.log.read_text()}")
            time.sleep(0.02)

    @property
    def host(self) -> Host:
        return Host("web1", self.address, self.port)

    def known_hosts_line(self) -> str:
        public = Path(f"{self.key}.pub").read_text().split()
        return f"[{self.address}]:{self.port} {public[0]} {public[1]}\n"

    def sessions(self) -> int:
        """How many logins it has seen."""
        return self.log.read_text().count("Accepted publickey")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def kill(self) -> None:
        """Kill it with its connections and their shells, but nothing that has left them."""
        for pid in self._family():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def _family(self) -> list[int]:
        """The processes of sshd that carry its connections, and the shells below them."""
        parents: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        found = [self.process.pid]
        for parent in found:
            found += [pid for pid, its in parents.items() if its == parent]
        return found

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self.port)) == 0


class SshLab:
    """Makes servers, the user's key, and logins for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "id_ed25519"
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.touch()
        keygen("-t", "ed25519", "-N", "", "-f", str(self.key))
        self.servers: list[Sshd] = []

    def start(
        self,
        *options: str,
        trusted: bool = True,
        host_certificate: Path | None = None,
        address: str = "127.0.0.1",
        within: tuple[str, ...] = (),
    ) -> Sshd:
        made = Sshd(
            self.folder / f"sshd{len(self.servers)}",
            self.key,
            *options,
            host_certificate=host_certificate,
            address=address,
            within=within,
        )
        self.servers.append(made)
        if trusted:
            with self.known_hosts.open("a") as file:
                file.write(made.known_hosts_line())
        return made

    def login(self, **changes: object) -> Login:
        values: dict[str, object] = {
            "user": getpass.getuser(),
            "identity_files": (str(self.key),),
            "known_hosts": (str(self.known_hosts),),
            "ssh_config": (os.devnull,),
            "connect_timeout_seconds": 5.0,
        }
        return Login(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def ssh_lab(tmp_path: Path) -> Iterator[SshLab]:
    lab = SshLab(tmp_path)
    yield lab
    for server in lab.servers:
        server.stop()
