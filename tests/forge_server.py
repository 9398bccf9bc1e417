"""A small real forge: an HTTP server that answers in the shapes of GitHub's, GitLab's and Gitea's APIs.

The shapes are those of their public documentation: GitHub's REST API 2022-11-28 (commit statuses, check runs,
deployments), GitLab's v4 (pipelines, statuses of commits, deployments), Gitea's v1 (statuses).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

TOKEN = "a-token-of-the-forge"
NOW = "2026-11-25T20:00:00Z"


class ForgeServer:
    """Holds what was said of commits, and what it was told of deploys. `down` has it answer 502 to all."""

    def __init__(self) -> None:
        self.down = False
        self.limited: dict[str, str] = {}
        """Headers that it answers 403 with, while there are any."""
        self.said: dict[str, list[dict[str, Any]]] = {}
        """Of each commit: commit statuses, or jobs."""
        self.runs: dict[str, list[dict[str, Any]]] = {}
        """Of each commit: check runs, or pipelines."""
        self.deployments: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.unchanged = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def told(self) -> list[tuple[str, str, list[str]]]:
        """Deploys as it knows them: environment, beginning of the commit, and what was told of each."""
        return [(one["environment"], one["sha"][:4], one["told"]) for one in self.deployments]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        parts = [unquote(one) for one in path.strip("/").split("/")]
        first = query.get("page", "1") == "1"
        match method, parts:
            case "GET", ["api", "v3", "repos", "acme", "shop", "commits", sha, "status"]:
                return 200, {"state": "pending", "statuses": self.said.get(sha, []), "sha": sha}
            case "GET", ["api", "v3", "repos", "acme", "shop", "commits", sha, "check-runs"]:
                runs = self.runs.get(sha, [])
                return 200, {"total_count": len(runs), "check_runs": runs}
            case _, ["api", "v3", "repos", "acme", "shop", "deployments", *rest]:
                return self._github(method, rest, query, body)
            case "GET", ["api", "v4", "projects", "acme/shop", "pipelines"]:
                return 200, self.runs.get(query["sha"], [])
            case "GET", ["api", "v4", "projects", "acme/shop", "repository", "commits", sha, "statuses"]:
                return 200, self.said.get(sha, []) if first else []
            case _, ["api", "v4", "projects", "acme/shop", "deployments", *rest]:
                return self._gitlab(method, rest, query, body)
            case "GET", ["api", "v1", "repos", "acme", "shop", "statuses", sha]:
                return 200, self.said.get(sha, []) if first else []
            case "POST", ["api", "v1", "repos", "acme", "shop", "statuses", sha]:
                made = {
                    "id": len(self.said.setdefault(sha, [])) + 1,
                    "status": body["state"],
                    "updated_at": NOW,
                }
                self.said[sha].append(body | made)
                return 201, made
            case _:
                return 404, {"message": "Not Found"}

    def _github(self, method: str, rest: list[str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        match method, rest:
            case "GET", []:
                wanted = {name: query[name] for name in ("sha", "environment")}
                found = [one for one in self.deployments if wanted.items() <= one.items()]
                return 200, found
            case "POST", []:
                if body["required_contexts"] != [] or body["auto_merge"] is not False:
                    return 409, {"message": "Conflict: Commit status checks failed"}
                made = {"id": len(self.deployments) + 1, "sha": body["ref"], "told": [], "statuses": []}
                self.deployments.append(body | made)
                return 201, body | made
            case "GET", [number, "statuses"]:
                return 200, self.deployments[int(number) - 1]["statuses"][::-1]
            case "POST", [number, "statuses"]:
                deployment = self.deployments[int(number) - 1]
                deployment["told"].append(body["state"])
                deployment["statuses"].append(body)
                return 201, body
            case _:
                return 404, {"message": "Not Found"}

    def _gitlab(self, method: str, rest: list[str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        match method, rest:
            case "GET", []:
                found = [one for one in self.deployments if one["environment"] == query["environment"]]
                return 200, found[::-1][:1]
            case "POST", []:
                made = body | {"id": len(self.deployments) + 1, "told": [body["status"]]}
                self.deployments.append(made)
                return 201, made
            case "GET", [number]:
                return 200, self.deployments[int(number) - 1]
            case "PUT", [number]:
                deployment = self.deployments[int(number) - 1]
                deployment["status"] = body["status"]
                deployment["told"].append(body["status"])
                return 200, deployment
            case _:
                return 404, {"message": "404 Not Found"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        forge = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def do_PUT(self) -> None:
                self._answer()

            def _answer(self) -> None:
                parts = urlsplit(self.path)
                forge.asked.append(f"{self.command} {unquote(parts.path)}")
                given = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if forge.down:
                    return self._send(502, {"message": "Bad Gateway"})
                if forge.limited:
                    return self._send(403, {"message": "API rate limit exceeded"}, forge.limited)
                if self.headers.get("Authorization") not in (f"Bearer {TOKEN}", f"token {TOKEN}"):
                    return self._send(401, {"message": "Bad credentials"})
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                body = json.loads(given) if given else None
                status, answer = forge.answer(self.command, parts.path, query, body)
                etag = f'W/"{hashlib.sha256(json.dumps(answer).encode()).hexdigest()}"'
                if self.command == "GET" and self.headers.get("If-None-Match") == etag:
                    forge.unchanged += 1
                    return self._send(304, None)
                return self._send(status, answer, {"ETag": etag})

            def _send(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
                body = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Tests have enough to say."""

        return Answer


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    made = ForgeServer()
    yield made
    made.close()
