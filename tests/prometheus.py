"""A real Prometheus on a loopback port, and a little exporter for it whose values a test may change."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.programs import program

WAIT_SECONDS = 60.0
CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: sample
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
GUARD = 'read -r _; kill -KILL {pid} 2>/dev/null; rm -rf "$0"'


class Exporter:
    """Answers with `error_rate{host="..."}` for each host of `values()`, with a little noise."""

    def __init__(self) -> None:
        self.values: Callable[[], Mapping[str, float]] = dict
        self._noise = random.Random(5)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _text(self) -> str:
        return "".join(
            f'error_rate{{host="{host}"}} {value * self._noise.uniform(0.9, 1.1)!r}\n'
            for host, value in self.values().items()
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        exporter = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter._text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        return Answer


class Prometheus:
    """`url` is that of a Prometheus which asks `exporter` five times a second."""

    def __init__(self) -> None:
        command = program("prometheus")
        self.exporter = Exporter()
        self.folder = Path(tempfile.mkdtemp(prefix="horn-prometheus-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        (self.folder / "prometheus.yml").write_text(CONFIG.format(port=self.exporter.port))
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    command,
                    f"--config.file={self.folder}/prometheus.yml",
                    f"--storage.tsdb.path={self.folder}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--log.level=warn",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        # The end of its input says that this process is gone, however it ended.
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD.format(pid=self._process.pid), str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self.until(lambda: self._ready())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._guard.communicate()
        self.exporter.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, query: str) -> list[Any]:
        """What an instant query gives now."""
        asked = urlencode({"query": query})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=10) as answer:
            return list(json.load(answer)["data"]["result"])

    def has(self, points: int, within: str = "1h") -> bool:
        """Whether each host has so many points."""
        counts = self.ask(f"min(count_over_time(error_rate[{within}]))")
        return bool(counts) and int(counts[0]["value"][1]) >= points

    def until(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not holds():
            log = (self.folder / "log").read_text()
            assert self._process.poll() is None, log
            assert time.monotonic() < end, log
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture(scope="session")
def prometheus_server() -> Iterator[Prometheus]:
    made = Prometheus()
    yield made
    made.close()


@pytest.fixture
def prometheus(prometheus_server: Prometheus) -> Iterator[Prometheus]:
    yield prometheus_server
    prometheus_server.exporter.values = dict
