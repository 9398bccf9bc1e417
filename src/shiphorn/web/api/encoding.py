"""How the service's values are told in JSON, and described in OpenAPI: the same fields in both."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from litestar import Response
from litestar.openapi.spec import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.serialization import default_serializer, encode_json
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
_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses and named tuples become objects, without what is `HIDDEN`."""
    kind: Any = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if (names := _names(kind)) is not None:
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(map(plain, value))
    return str(value) if isinstance(value, str | Path) else value


def encoded(value: Any) -> bytes:
    """A value as the bytes of its JSON."""
    return encode_json(plain(value))


class Plain(Response[T]):
    """A response whose content is told `plain`."""

    def render(self, content: Any, media_type: str, enc_hook: Serializer = default_serializer) -> bytes:
        """The content as bytes."""
        kept = content if isinstance(content, str | bytes) else plain(content)
        return super().render(kept, media_type, enc_hook)


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


@cache
def _names(kind: type) -> tuple[str, ...] | None:
    """What an object of a class is told with; None when it is not told as an object."""
    if is_dataclass(kind):
        named = [one.name for one in fields(kind)]
    elif _is_named_tuple(kind):
        named = list(kind._fields)  # type: ignore[attr-defined]
    else:
        return None
    return (*(name for name in named if name not in HIDDEN), *ALSO.get(kind, ()))


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    also = {name: get_type_hints(getattr(kind, name).fget)["return"] for name in ALSO.get(kind, ())}
    return {name: (hints | also)[name] for name in _names(kind) or ()}


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
