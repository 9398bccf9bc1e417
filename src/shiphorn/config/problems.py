"""Everything that is wrong with a config at once: where, what, and what was perhaps meant."""

from __future__ import annotations

import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from shiphorn.config.near import near
from shiphorn.config.positions import Key, Positions
from shiphorn.errors import ConfigError

_EXPECTED = {
    "model_type": "it has to be a mapping of keys to values",
    "dict_type": "it has to be a mapping of keys to values",
    "list_type": "it has to be a list",
    "string_type": "it has to be a text; what looks like something else goes into quotes",
    "int_type": "it has to be a whole number",
    "bool_type": "it has to be true or false",
}


def told(error: ValidationError, model: type[BaseModel]) -> list[tuple[Key, str]]:
    """Pydantic's errors in our words, each with where it is."""
    found = []
    for one in error.errors(include_url=False):
        key = _in_file(one["loc"])
        found.append((key, _told(one, key, model)))
    return found


def problems_error(found: Sequence[tuple[Key, str]], positions: Positions, path: Path) -> ConfigError:
    """(key, what is wrong) pairs as one ConfigError SH101, by line."""
    ordered = sorted(found, key=lambda one: positions.place(one[0]))
    lines = tuple(f"{positions.where(key)} {_shown(key)}{text}" for key, text in ordered)
    count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
    return ConfigError("SH101", f"{path} has {count}.", problems=lines)


def _told(one: Any, key: Key, model: type[BaseModel]) -> str:
    match one["type"]:
        case "extra_forbidden":
            valid = keys_at(model, key[:-1])
            meant = near(str(key[-1]), valid)
            return (
                f"there is no such key; did you mean {meant}?"
                if meant
                else f"there is no such key; there are {', '.join(valid)}"
            )
        case "missing":
            return "is missing"
        case "value_error":
            return str(one["ctx"]["error"])
        case kind if kind in _EXPECTED:
            return _EXPECTED[kind]
        case _:
            return str(one["msg"]).removeprefix("Value error, ").replace("Input should", "it should")


def keys_at(model: Any, key: Key) -> list[str]:
    """The keys that may stand in the mapping at `key`."""
    for part in key:
        model = _inner(model, part)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items() if not field.exclude]


def _inner(model: Any, part: str | int) -> Any:
    model = _bare(model)
    if isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(str(part))
        return _bare(field.annotation) if field else None
    arguments = get_args(model)
    return _bare(arguments[-1]) if arguments else None


def _bare(annotation: Any) -> Any:
    """A type without Annotated and None."""
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if get_origin(annotation) in (Union, types.UnionType):
        return _bare(next(one for one in get_args(annotation) if one is not type(None)))
    return annotation


def _in_file(location: Sequence[str | int]) -> Key:
    return tuple(part for part in location if part != "[key]")


def _shown(key: Key) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f"{text}: " if text else ""
