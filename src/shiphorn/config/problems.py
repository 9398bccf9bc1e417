"""Everything that is wrong with a config at once: where, what, and what was perhaps meant."""

from __future__ import annotations

import difflib
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from shiphorn.config.positions import Key, Positions
from shiphorn.errors import ConfigError


def as_config_error(
    error: ValidationError, model: type[BaseModel], positions: Positions, path: Path
) -> ConfigError:
    """Pydantic's errors as one of ours."""
    found = []
    for one in error.errors(include_url=False):
        key = _in_file(one["loc"])
        found.append((key, _told(one, key, model)))
    return problems_error(found, positions, path)


def problems_error(found: Sequence[tuple[Key, str]], positions: Positions, path: Path) -> ConfigError:
    """(key, what is wrong) pairs as one ConfigError SH101, by line."""
    ordered = sorted(found, key=lambda one: positions.line(one[0]))
    told = tuple(f"{positions.where(key)} {_shown(key)}{text}" for key, text in ordered)
    count = f"{len(told)} problem{'s' if len(told) > 1 else ''}"
    return ConfigError("SH101", f"{path} has {count}.", problems=told)


def _told(one: Any, key: Key, model: type[BaseModel]) -> str:
    match one["type"]:
        case "extra_forbidden":
            valid = keys_at(model, key[:-1])
            near = difflib.get_close_matches(str(key[-1]), valid, n=1, cutoff=0.6)
            return (
                f"there is no such key; did you mean {near[0]}?"
                if near
                else (f"there is no such key; there are {', '.join(valid)}")
            )
        case "missing":
            return "is missing"
        case "value_error":
            return str(one["ctx"]["error"])
        case _:
            return str(one["msg"]).removeprefix("Value error, ").replace("Input should", "it should")


def keys_at(model: Any, key: Key) -> list[str]:
    """The keys that may stand in the mapping at `key`."""
    for part in key:
        model = _inner(model, part)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


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
