"""A little web app: tells which release it is, and where it runs."""

import http.server
import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
PAGE = (HERE / "public" / "index.html").read_text()
FACTS = {
    "release": HERE.name,
    "revision": (HERE / "REVISION").read_text()[:8],
    "region": os.environ["REGION"],
    "environment": os.environ["APP_ENV"],
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = PAGE
        for name, value in FACTS.items():
            text = text.replace("{{" + name + "}}", value)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
