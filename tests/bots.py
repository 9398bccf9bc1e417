"""A little server with the APIs of Slack, Mattermost and Discord, in the shapes of their documentation."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

TOKEN = "xoxb-17653672481-letmein"
CHANNEL = "4yxqsr8gxbd9bqj5mrs8xqnnzh"


class Chats:
    """`messages` are what was said, by what each is known by: its text, and what it answers."""

    def __init__(self) -> None:
        self.messages: dict[str, tuple[str, str]] = {}
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.failing = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def texts(self) -> list[str]:
        """What can be read now, oldest first."""
        return [text for text, _ in self.messages.values()]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What one of the three answers."""
        self.sent.append((method, path, body))
        if self.failing:
            return 503, {"message": "down"}
        if path.startswith("/api/chat."):
            return 200, self._slack(path, token, body)
        if path.startswith("/response"):
            self._add(f"response {len(self.messages)}", body["text"], body["response_type"])
            return 200, {}
        if path.startswith("/api/v4/posts"):
            return self._mattermost(path, token, body)
        return self._discord(path, body)

    def _slack(self, path: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        if token != f"Bearer {TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        if path == "/api/chat.postMessage":
            ts = f"1503435956.{len(self.messages):06}"
            self._add(ts, body["text"], body.get("thread_ts", ""))
            message = {"type": "message", "text": body["text"] * 2, "ts": ts}
            return {"ok": True, "channel": "C123ABC456", "ts": ts, "message": message}
        if body["channel"] != "C123ABC456":
            return {"ok": False, "error": "channel_not_found"}
        if body["ts"] not in self.messages:
            return {"ok": False, "error": "message_not_found"}
        self._add(body["ts"], body["text"], "")
        return {"ok": True, "channel": "C123ABC456", "ts": body["ts"], "text": body["text"]}

    def _mattermost(self, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if token != f"Bearer {TOKEN}":
            return 401, {"id": "api.context.session_expired.app_error", "message": f"bad {token}"}
        if path == "/api/v4/posts":
            number = f"{len(self.messages):026}"
            self._add(number, body["message"], body["root_id"])
            return 201, {"id": number, "message": body["message"]}
        number = path.split("/")[4]
        if number not in self.messages:
            return 404, {"id": "store.sql_post.get.app_error", "message": "Unable to get the post."}
        self._add(number, body["message"], "")
        return 200, {"id": number, "message": body["message"]}

    def _discord(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert body["allowed_mentions"] == {"parse": []}
        if path == "/api/webhooks/223704706495545344/hunter2hunter2?wait=true":
            number = str(1000 + len(self.messages))
            self._add(number, body["content"], "")
            return 200, {"id": number, "content": body["content"]}
        number = path.rsplit("/", 1)[1]
        if not path.startswith("/api/webhooks/223704706495545344/hunter2hunter2/messages/"):
            return 401, {"message": f"Invalid Webhook Token {path}", "code": 50027}
        if number not in self.messages:
            return 404, {"message": "Unknown Message", "code": 10008}
        self._add(number, body["content"], "")
        return 200, {"id": number, "content": body["content"]}

    def _add(self, number: str, text: str, answers: str) -> None:
        self.messages[number] = (text, answers)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        chats = self

        class Answer(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                token = self.headers.get("Authorization", "")
                status, answer = chats.answer(self.command, self.path, token, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_PUT = do_PATCH = _answer  # noqa: N815 - http.server's names

            def log_message(self, *args: object) -> None:
                pass

        return Answer


@pytest.fixture
def chats() -> Iterator[Chats]:
    made = Chats()
    yield made
    made.close()
