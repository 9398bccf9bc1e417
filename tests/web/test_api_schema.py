"""What the API answers is as its description says, whatever it is asked."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from schemathesis import checks as _  # noqa: F401 - registers them
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api_service import Offline, offline

KNOWN: dict[str, list[Any]] = {
    "app": ["shop", "blog"],
    "environment": ["production", "staging"],
    "deploy_id": [1, 2, 3, 99],
    "endpoint_id": [1, 2, 99],
    "sha": ["main", "HEAD"],
    "host": ["eu1", "us1"],
    "login": ["viewer", "deployer"],
}
"""What there is: half of the time it is asked for."""
NOT_ASKED = {"/api/v1/deploys/{deploy_id}/events"}
"""A stream is read in another test."""
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
EXAMPLES = 6


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Offline]]:
    """The application in a thread and a loop of its own, and its address."""
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    begun: queue.Queue[tuple[uvicorn.Server, Offline]] = queue.Queue()

    async def serve() -> None:
        async with offline(tmp_path) as api:
            server = uvicorn.Server(uvicorn.Config(api.app, log_config=None))
            begun.put((server, api))
            await server.serve([listening])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        server, api = begun.get(timeout=60)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", api
        server.should_exit = True
        thread.join(60)


@pytest.fixture
def schema(served: tuple[str, Offline]) -> Any:
    return schemathesis.openapi.from_url(f"{served[0]}/api/v1/schema")


def test_the_description_is_whole(schema: Any) -> None:
    raw = schema.raw_schema
    assert raw["openapi"] == "3.1.0"
    assert "config_text" not in raw["components"]["schemas"]["Deploy"]["properties"]
    assert raw["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    for path, item in raw["paths"].items():
        for method, operation in item.items():
            assert operation["description"], f"{method} {path} says nothing of itself"


@pytest.mark.timeout(300)
def test_answers_are_as_described(served: tuple[str, Offline], schema: Any) -> None:
    api = served[1]
    problems: list[str] = []
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in NOT_ASKED:
            continue

        @given(case=operation.as_strategy(), chosen=some.data())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any, chosen: some.DataObject) -> None:
            nonlocal asked
            asked += 1
            for name in set(case.path_parameters or {}) & KNOWN.keys():
                if chosen.draw(some.booleans()):
                    case.path_parameters[name] = chosen.draw(some.sampled_from(KNOWN[name]))
            if isinstance(case.body, dict):
                for name in set(case.body) & {"app", "environment"}:
                    if chosen.draw(some.booleans()):
                        case.body[name] = chosen.draw(some.sampled_from(KNOWN[name]))
            token = api.tokens["admin"]
            answer = case.call(headers={"authorization": f"Bearer {token}"})
            try:
                case.validate_response(answer, checks=CHECKS)
            except FailureGroup as error:
                problems.append(f"{case.method} {case.path}: {error}"[:1500])

        ask()
    assert not problems, "\n\n".join(problems)
    assert asked > 200
