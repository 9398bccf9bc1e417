"""What the API answers is as its description says, whatever it is asked."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
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

from tests.api_service import Offline

KNOWN: dict[str, list[Any]] = {
    "app": ["shop", "blog"],
    "environment": ["production", "staging"],
    "deploy_id": [1, 2, 3, 99],
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
def schema(api: Offline) -> Any:
    return schemathesis.openapi.from_asgi("/api/v1/schema", api.app)


def test_the_description_is_whole(schema: Any) -> None:
    raw = schema.raw_schema
    assert raw["openapi"] == "3.1.0"
    assert "config_text" not in raw["components"]["schemas"]["Deploy"]["properties"]
    assert raw["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    for path, item in raw["paths"].items():
        for method, operation in item.items():
            assert operation["description"], f"{method} {path} says nothing of itself"


@pytest.mark.timeout(300)
def test_answers_are_as_described(api: Offline, schema: Any) -> None:
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
