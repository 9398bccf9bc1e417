"""The API described: as OpenAPI for programs, as a page for people."""

from __future__ import annotations

import json
from typing import Any

from litestar import Request, Response, Router, get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.response import Template
from litestar.status_codes import HTTP_404_NOT_FOUND

from shiphorn import __version__
from shiphorn.web.given import OPEN

METHODS = ("get", "post")
PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "HttpProblem",
    "description": "What went wrong (RFC 9457). `code` is stable, `hint` says what to do.",
    "required": ["type", "title", "status", "code", "hint", "facts"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "hint": {"type": "string"},
        "facts": {"type": "object"},
    },
}


class Described(OpenAPIRenderPlugin):
    """Serves the description as JSON."""

    def __init__(self) -> None:
        super().__init__(path=["/", "/openapi.json"], media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        """The bytes of it."""
        return json.dumps(described(openapi_schema)).encode()


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI as Litestar has it, with the problems that every operation may answer with."""
    problem = {
        "description": "A problem",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/HttpProblem"}}},
    }
    paths = {
        path: {method: _with_problem(operation, problem) for method, operation in item.items()}
        for path, item in schema["paths"].items()
    }
    components = schema["components"]
    schemas = components.get("schemas", {}) | {"HttpProblem": PROBLEM}
    return schema | {"paths": paths, "components": components | {"schemas": schemas}}


def openapi(path: str) -> OpenAPIConfig:
    """What is said of the API as a whole; its JSON is at `path`."""
    return OpenAPIConfig(
        title="shiphorn",
        version=__version__,
        description="Everything that people can do on the pages of shiphorn. Times are Unix seconds.",
        openapi_router=Router(
            path, route_handlers=[], include_in_schema=False, after_request=_with_its_problem
        ),
        render_plugins=[Described()],
        use_handler_docstrings=True,
        security=[{"token": []}],
        components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
    )


@get("/docs", opt=OPEN, include_in_schema=False, media_type=MediaType.HTML)
async def docs(request: Request[Any, Any, Any]) -> Response[Any]:
    """The description as a page that loads nothing from elsewhere."""
    schema = described(request.app.openapi_schema.to_schema())
    subjects: dict[str, list[dict[str, Any]]] = {}
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            what, *more = operation["description"].split("\n\n")
            entry = {"path": path, "method": method.upper(), "what": what, "more": more}
            entry["parameters"] = operation.get("parameters", [])
            entry["body"] = _body(operation, schema)
            subjects.setdefault(operation["tags"][0], []).append(entry)
    return Template("api.html", context={"subjects": subjects, "version": __version__})


async def _with_its_problem(response: Response[Any]) -> Response[Any]:
    """Litestar answers with a page of its own for what is not there."""
    if response.status_code == HTTP_404_NOT_FOUND:
        raise NotFoundException
    return response


def _with_problem(operation: Any, problem: dict[str, Any]) -> Any:
    kept = {status: answer for status, answer in operation["responses"].items() if status < "400"}
    return operation | {"responses": kept | {"default": problem}}


def _body(operation: dict[str, Any], schema: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(name, type, whether it must be there) of each part of a request's body."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schemas = schema["components"]["schemas"]
    known = schemas.get(_name(content.get("schema", {})), {})
    required = known.get("required", [])
    parts = known.get("properties", {})
    return [(part, _words(described, schemas), part in required) for part, described in parts.items()]


def _words(described: dict[str, Any], schemas: dict[str, Any]) -> str:
    if "$ref" in described:
        return _words(schemas[_name(described)], schemas)
    if "oneOf" in described:
        return " or ".join(_words(one, schemas) for one in described["oneOf"])
    if "enum" in described:
        return f"one of {', '.join(map(str, filter(None, described['enum'])))}"
    if "properties" in described:
        parts = described["properties"].items()
        return f"{{{', '.join(f'{name}: {_words(one, schemas)}' for name, one in parts)}}}"
    if described.get("type") == "array":
        return f"list of {_words(described.get('items', {}), schemas)}"
    return str(described.get("type", "anything"))


def _name(described: dict[str, Any]) -> str:
    return str(described.get("$ref", "").rpartition("/")[2])
