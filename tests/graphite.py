"""A real Graphite: carbon-cache that takes points, and graphite-web that reads them, on loopback ports."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.programs import program

WAIT_SECONDS = 60.0
CARBON = """
[cache]
STORAGE_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
CONF_DIR = {folder}
LOG_DIR = {folder}
PID_DIR = {folder}
DATABASE = whisper
USER =
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = inf
MAX_CREATES_PER_MINUTE = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {line}
ENABLE_UDP_LISTENER = True
UDP_RECEIVER_INTERFACE = 127.0.0.1
UDP_RECEIVER_PORT = {line}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {pickle}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {query}
ENABLE_TAGS = False
CARBON_METRIC_INTERVAL = 0
WHISPER_SPARSE_CREATE = True
WHISPER_FALLOCATE_CREATE = False
LOG_LISTENER_CONN_SUCCESS = False
"""
SCHEMAS = """
[all]
pattern = .*
retentions = 1s:6h
"""
"""A point a second is kept, as it was sent."""
SETTINGS = """
SECRET_KEY = "only for tests"
TIME_ZONE = "UTC"
CONF_DIR = STORAGE_DIR = LOG_DIR = {folder!r}
WHISPER_DIR = {folder!r} + "/whisper"
INDEX_FILE = {folder!r} + "/index"
CARBONLINK_HOSTS = ["127.0.0.1:{query}"]
LOG_ROTATION = LOG_RENDERING_PERFORMANCE = LOG_CACHE_PERFORMANCE = False
DEFAULT_CACHE_DURATION = FIND_CACHE_DURATION = 0
CACHES = {{"default": {{"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}}}
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {folder!r} + "/web.db"}}}}
"""
SERVER = """
import os, sys, warnings
warnings.simplefilter("ignore")
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
import django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from django.core.wsgi import get_wsgi_application

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass

make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), Server, Quiet).serve_forever()
"""
GUARD = 'read -r _; kill -KILL {pids} 2>/dev/null; rm -rf "$0"'


class Graphite:
    """`line_port` takes plaintext lines (TCP and UDP), `url` is that of graphite-web."""

    def __init__(self) -> None:
        carbon = program("carbon-cache")
        program("graphite-manage")
        self.folder = Path(tempfile.mkdtemp(prefix="horn-graphite-"))
        self.line_port, pickle, query, web = _free_ports(4)
        self.url = f"http://127.0.0.1:{web}"
        facts = {"folder": str(self.folder), "line": self.line_port, "pickle": pickle, "query": query}
        (self.folder / "whisper").mkdir()
        (self.folder / "carbon.conf").write_text(CARBON.format(**facts))
        (self.folder / "storage-schemas.conf").write_text(SCHEMAS)
        (self.folder / "settings_of_tests.py").write_text(SETTINGS.format(**facts))
        (self.folder / "server.py").write_text(SERVER)
        self._carbon = [carbon, f"--config={self.folder}/carbon.conf", "--nodaemon", "start"]
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(self.folder),
            "DJANGO_SETTINGS_MODULE": "graphite.settings",
            "GRAPHITE_SETTINGS_MODULE": "settings_of_tests",
            "GRAPHITE_STORAGE_DIR": str(self.folder),
        }
        self._processes = [
            self._start(self._carbon),
            self._start(["/usr/bin/python3", str(self.folder / "server.py"), str(web)]),
        ]
        # The end of its input says that this process is gone, however it ended.
        pids = " ".join(str(one.pid) for one in self._processes)
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD.format(pids=pids), str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._wait()

    def close(self) -> None:
        """Stop both, and remove all of it."""
        self._guard.communicate()
        for one in self._processes:
            one.wait()

    def put(self, name: str, points: Mapping[float, float]) -> None:
        """Put values of a metric, by Unix seconds, and wait until they can be read."""
        lines = "".join(f"{name} {value!r} {at:.0f}\n" for at, value in points.items())
        with closing(socket.create_connection(("127.0.0.1", self.line_port))) as to:
            to.sendall(lines.encode())
        last = {round(at): value for at, value in points.items()}
        since, until = min(last), max(last)
        self.until(lambda: last.items() <= self.points(name, since - 1, until + 1).items(), name)

    def points(self, target: str, since: float, until: float) -> dict[int, float]:
        """The values of a metric, or of what a function makes of it, by Unix seconds: none that are null."""
        found = self.render(target, since, until)
        return {at: value for one in found for value, at in one["datapoints"] if value is not None}

    def render(self, target: str, since: float, until: float) -> list[Any]:
        """What the render API answers."""
        asked = {"target": target, "from": int(since), "until": int(until), "format": "json"}
        return list(self._json(f"/render?{urlencode(asked)}"))

    def names(self, pattern: str) -> list[str]:
        """The metrics whose names fit, such as `shiphorn.*.staging.*`."""
        found = self._json(f"/metrics/expand?{urlencode({'query': pattern, 'leavesOnly': 1})}")
        return sorted(found["results"])

    def events(self, tags: str) -> list[dict[str, Any]]:
        """Events that have all of these tags, separated by spaces, oldest first."""
        return list(self._json(f"/events/get_data?{urlencode({'tags': tags, 'until': 'now+1d'})}"))

    def until(self, holds: Any, of: object = "") -> None:
        """Wait until something holds."""
        end = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < end, f"{of} did not come to Graphite"
            time.sleep(0.05)

    def _json(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def _wait(self) -> None:
        end = time.monotonic() + WAIT_SECONDS
        for ready in (self._takes, self._answers):
            while not ready():
                log = (self.folder / "log").read_text()
                assert all(one.poll() is None for one in self._processes), log
                assert time.monotonic() < end, log
                time.sleep(0.05)

    def _takes(self) -> bool:
        with socket.socket() as to:
            return to.connect_ex(("127.0.0.1", self.line_port)) == 0

    def _answers(self) -> bool:
        try:
            return self.events("none-at-all") == []
        except OSError:
            return False


@pytest.fixture(scope="session")
def graphite() -> Iterator[Graphite]:
    made = Graphite()
    yield made
    made.close()


def _free_ports(count: int) -> list[int]:
    free = [socket.socket() for _ in range(count)]
    for one in free:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in free]
    for one in free:
        one.close()
    return ports
