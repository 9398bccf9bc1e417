"""How the service's values are told in JSON, and described in OpenAPI: the same fields in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from litestar import Response
from litestar.openapi.spec import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.serialization import default_serializer
from litestar.types import Empty, Serializer
from litestar.typing import FieldDefinition

from shiphorn.model.history import DeployRow
from shiphorn.model.locks import BadMark, Lock
from shiphorn.model.release import Commit
from shiphorn.service.gates import Why

T = TypeVar("T")

HIDDEN = frozenset({"config_text"})
"""Fields that are left out: a config may list thousands of hosts, for each of twenty deploys."""
ALSO: Mapping[type, tuple[str, ...]] = {
    Why: ("open",),
    DeployRow: ("seconds",),
    Commit: ("short",),
    Lock: ("by",),
    BadMark: ("by",),
}
"""Properties that are told with the fields."""


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses and named tuples become objects, without what is `HIDDEN`."""
    told: Any
    if is_dataclass(value) or hasattr(value, "_fields"):
        return {name: plain(getattr(value, name)) for name in _names(type(value))}
    match value:
        case Enum() | Path():
            told = str(value)
        case Mapping():
            told = {str(key): plain(one) for key, one in value.items()}
        case AbstractSet():
            told = sorted(map(plain, value))
        case Sequence() if not isinstance(value, str):
            told = [plain(one) for one in value]
        case _:
            told = value
    return told


class Plain(Response[T]):
    """A response whose content is told `plain`."""

    def render(self, content: Any, media_type: str, enc_hook: Serializer = default_serializer) -> bytes:
        """The content as bytes."""
        return super().render(
            content if isinstance(content, str | bytes) else plain(content), media_type, enc_hook
        )


class ShownFields(OpenAPISchemaPlugin):
    """Describes dataclasses and named tuples with the fields that `plain` gives."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Whether it is one of them."""
        kind = field_definition.annotation
        return isinstance(kind, type) and (is_dataclass(kind) or _is_named_tuple(kind))

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        """Its schema."""
        kind = field_definition.annotation
        described = {name: FieldDefinition.from_kwarg(hint, name) for name, hint in _hints(kind).items()}
        optional = _optional(kind)
        for name, default in optional.items():
            described[name] = FieldDefinition.from_kwarg(described[name].raw, name, default=default)
        required = [name for name in described if name not in optional]
        schema: Schema = schema_creator.create_component_schema(
            field_definition, required=required, property_fields=described
        )
        return schema


def _names(kind: type) -> tuple[str, ...]:
    named = kind._fields if _is_named_tuple(kind) else [one.name for one in fields(kind)]  # type: ignore[attr-defined]
    return (*(name for name in named if name not in HIDDEN), *ALSO.get(kind, ()))


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    also = {name: get_type_hints(getattr(kind, name).fget)["return"] for name in ALSO.get(kind, ())}
    return {name: (hints | also)[name] for name in _names(kind)}


def _optional(kind: type) -> dict[str, Any]:
    """What may be left out where it is sent, with the default, Empty where that is made."""
    if not is_dataclass(kind):
        return {}
    return {
        one.name: Empty if one.default is MISSING else one.default
        for one in fields(kind)
        if one.name not in HIDDEN and (one.default is not MISSING or one.default_factory is not MISSING)
    }


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")
