"""A real little web server, whose answers a test may change while it runs."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Web:
    """Answers every path with `status` and `body`, but `/302` and such with that status.

    `/slow` takes until the end; `asked` are the paths, in order, and `heads` the headers of each. What
    was posted is in `bodies`.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.status = 200
        self.body = "all is well"
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self._ended = threading.Event()
        ThreadingHTTPServer.request_queue_size = 128
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                web.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                self.do_GET()

            def do_GET(self) -> None:
                web.asked.append(self.path)
                web.heads.append(dict(self.headers))
                if self.path == "/slow":
                    web._ended.wait(30)
                last = self.path.rsplit("/", 1)[-1]
                self.send_response(int(last) if last.isdigit() else web.status)
                if last == "302":
                    self.send_header("Location", "/200")
                self.send_header("Content-Length", str(len(web.body)))
                self.end_headers()
                self.wfile.write(web.body.encode())

            def log_message(self, *args: object) -> None:
                pass

        return Answer


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()
