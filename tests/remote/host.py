"""A host for script tests: a folder as its home, and a real shell that is driven as over SSH."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import tarfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import zstandard

from shiphorn.model.release import Packing
from shiphorn.ports import Frame, Reply, Script
from shiphorn.remote.driver import FrameParser, bootstrap, request
from shiphorn.remote.scripts import HostPlan

NONCE = "3fa9c1"
SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}
PLAN = HostPlan(
    run="1-aa",
    token=100,
    release="20261124120000",
    revision="6957bb87" * 5,
    deploy_to="~/app",
    actor="ada",
    branch="main",
    deployer="deploy 1 by ada",
)


def plan_for(number: int, **changes: object) -> HostPlan:
    """The plan of the n-th deploy of a test: later run, token and release."""
    values = {
        "run": f"{number}-aa",
        "token": 100 * number,
        "release": f"2026112412000{number}",
        "deployer": f"deploy {number} by ada",
    }
    return replace(PLAN, **{**values, **changes})  # type: ignore[arg-type]


def pack(files: dict[str, str], encoding: str = "zstd", folder: Path = Path("/tmp")) -> tuple[Packing, bytes]:
    """A packed release of files by name; a text that starts with `->` is a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            if text.startswith("->"):
                entry.type, entry.linkname = tarfile.SYMTYPE, text[2:]
                tar.addfile(entry)
            else:
                data = text.encode()
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    if encoding == "zstd":
        data = zstandard.compress(buffer.getvalue())
    else:
        import gzip

        data = gzip.compress(buffer.getvalue())
    return Packing(encoding, "", hashlib.sha256(data).hexdigest(), len(data)), data


class ScriptHost:
    """A shell on a home folder."""

    def __init__(self, home: Path, shell: str = "dash", **env: str) -> None:
        self.home = home
        self.base = home / "app"
        home.mkdir(exist_ok=True)
        self.shell, self._env = shell, env
        self._parser = FrameParser(NONCE)
        self._frames: list[Frame] = []
        self._lost: list[subprocess.Popen[bytes]] = []
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        # `exec /bin/sh` would leave the shell under test: its own name takes that place.
        command = bootstrap(NONCE).replace("exec /bin/sh -c", f"exec {' '.join(SHELLS[self.shell])} -c", 1)
        return subprocess.Popen(
            [*SHELLS[self.shell], "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], **self._env},
            start_new_session=True,
            bufsize=0,
        )

    def send(self, script: Script, payload: bytes = b"") -> None:
        """Send a script, and what it reads."""
        assert self.process.stdin
        self.process.stdin.write(request(NONCE, script))
        self.say(payload)

    def say(self, data: bytes) -> None:
        """Write to the script's stdin."""
        assert self.process.stdin
        self.process.stdin.write(data)

    def wait_for(self, verb: str) -> Frame:
        """The next frame with this verb; those before it are kept for `reply`."""
        while True:
            for frame in self._frames:
                if frame.verb == verb:
                    return frame
            self._read()

    def reply(self) -> Reply:
        """All frames up to the end of the script."""
        end = self.wait_for("end")
        at = self._frames.index(end)
        frames, self._frames = tuple(self._frames[:at]), self._frames[at + 1 :]
        return Reply(frames, int(end.args[0]))

    def run(self, script: Script, payload: bytes = b"") -> Reply:
        """Send a script and wait for its end."""
        self.send(script, payload)
        return self.reply()

    def lose(self) -> None:
        """Lose the connection as sshd does: pipes close, and what runs is left to find out."""
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()
        self._lost.append(self.process)
        self._frames.clear()

    def end(self) -> None:
        """End all shells."""
        self.lose()
        for process in self._lost:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def reconnect(self) -> None:
        """A new shell on the same host."""
        self._parser = FrameParser(NONCE)
        self.process = self._start()

    def _read(self) -> None:
        assert self.process.stdout
        data = self.process.stdout.read(65536)
        if not data:
            said = self.process.stderr.read() if self.process.stderr else b""
            raise AssertionError(f"the shell ended: {said.decode()}")
        self._frames += self._parser.feed(data, 0.0)
