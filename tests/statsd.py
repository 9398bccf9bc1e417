"""A real StatsD: that of collectd, which writes down what it counted."""

from __future__ import annotations

import math
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.programs import program

WAIT_SECONDS = 30.0
CONFIG = """
Hostname "host"
FQDNLookup false
BaseDir "{folder}"
PIDFile "{folder}/pid"
PluginDir "/usr/lib/collectd"
TypesDB "/usr/share/collectd/types.db"
Interval 0.2
LoadPlugin logfile
<Plugin logfile>
LogLevel info
File "{folder}/log"
</Plugin>
LoadPlugin statsd
<Plugin statsd>
Host "127.0.0.1"
Port "{port}"
TimerUpper true
TimerCount true
</Plugin>
LoadPlugin csv
<Plugin csv>
DataDir "{folder}/csv"
StoreRates false
</Plugin>
"""
GUARD = 'read -r _; kill -KILL {pid} 2>/dev/null; rm -rf "$0"'


class Statsd:
    """Listens at `port`."""

    def __init__(self) -> None:
        collectd = program("collectd")
        self._folder = Path(tempfile.mkdtemp(prefix="horn-statsd-"))
        with socket.socket(type=socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        (self._folder / "collectd.conf").write_text(CONFIG.format(folder=self._folder, port=self.port))
        self._process = subprocess.Popen(
            [collectd, "-f", "-C", str(self._folder / "collectd.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # The end of its input says that this process is gone, however it ended.
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD.format(pid=self._process.pid), str(self._folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self.until(self._listens)

    def close(self) -> None:
        """Stop it, and remove all of it."""
        self._guard.communicate()
        self._process.wait()

    def counted(self, name: str) -> float | None:
        """How often something was counted."""
        return self._last(f"derive-{name}")

    def timed(self, name: str) -> float | None:
        """The longest time that was told last, in seconds, as it puts it."""
        values = self._values(f"latency-{name}-upper")
        return max((value for value in values if not math.isnan(value)), default=None)

    def gauge(self, name: str) -> float | None:
        """A value as it stands."""
        return self._last(f"gauge-{name}")

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        given_up_at = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert self._process.poll() is None
            assert time.monotonic() < given_up_at, self._files()
            time.sleep(0.05)

    def _listens(self) -> bool:
        wanted = f"0100007F:{self.port:04X}"
        return any(wanted in line for line in Path("/proc/net/udp").read_text().splitlines())

    def _last(self, name: str) -> float | None:
        values = self._values(name)
        return values[-1] if values else None

    def _values(self, name: str) -> list[float]:
        lines = [line for path in self._files(f"{name}-20*") for line in path.read_text().splitlines()]
        return [float(line.split(",")[1]) for line in lines if line[:1].isdigit() and line.count(",") == 1]

    def _files(self, pattern: str = "*") -> list[Path]:
        return sorted(self._folder.glob(f"csv/host/statsd/{pattern}"))


@pytest.fixture(scope="session")
def statsd() -> Iterator[Statsd]:
    made = Statsd()
    yield made
    made.close()
