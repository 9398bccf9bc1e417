"""A real nginx that answers for what it finds in a folder, on a free port of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from shiphorn.demo.project import free_port
from tests.programs import program

_CONFIG = """\
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
    access_log off;
    server_names_hash_bucket_size 128;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} default_server; return 404 "nothing here\\n"; }}
    include {folder}/vhosts/*.conf;
}}
"""


class Nginx:
    """It runs, and has a folder for vhosts. `test` and `reload` are commands for it."""

    def __init__(self, folder: Path, binary: str, port: int) -> None:
        self.folder, self.port = folder, port
        self.vhosts = folder / "vhosts"
        self.command = f"{binary} -p {folder} -c {folder}/nginx.conf"

    @property
    def test(self) -> str:
        return f"{self.command} -t"

    @property
    def reload(self) -> str:
        return f"{self.command} -s reload"

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.vhosts.iterdir() if not path.name.startswith("."))

    def get(self, host: str, path: str = "/") -> tuple[int, str]:
        """What it answers for a host name."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}{path}", headers={"host": host})
        return answer.status_code, answer.text

    def until_answers(self, host: str, expected: tuple[int, str]) -> None:
        """Wait for an answer for a host name."""
        self.until(lambda: self.get(host) == expected)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something: after a reload the old workers answer for a moment."""
        given_up_at = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < given_up_at
            time.sleep(0.02)


@contextmanager
def nginx_in(folder: Path) -> Iterator[Nginx]:
    """An nginx whose files are in a folder."""
    made = Nginx(folder, program("nginx", "/usr/sbin:/usr/local/sbin:/usr/bin"), free_port())
    made.vhosts.mkdir(parents=True)
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(_CONFIG.format(folder=folder, port=made.port, user=user))
    process = subprocess.Popen(made.command.split(), stderr=subprocess.DEVNULL)
    try:
        made.until(lambda: (folder / "nginx.pid").exists() and bool((folder / "nginx.pid").read_text()))
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
