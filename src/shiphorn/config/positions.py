"""YAML as plain values, with the line that each came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from shiphorn.errors import ConfigError

Key = tuple[str | int, ...]
"""Where a value stands: the keys and indexes that lead to it."""


class Positions:
    """The lines of values in a file, counted from 1."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._lines: dict[Key, int] = {(): 1}

    def put(self, key: Key, line: int) -> None:
        """Record a line."""
        self._lines[key] = line

    def line(self, key: Key) -> int:
        """The line of a value, or of what is nearest above it."""
        while key not in self._lines:
            key = key[:-1]
        return self._lines[key]

    def where(self, key: Key) -> str:
        """`deploy.yml:12`."""
        return f"{self._name}:{self.line(key)}"


def read(text: str, path: Path) -> tuple[dict[str, Any], Positions]:
    """The mapping in a YAML text. Raises ConfigError SH102 with the line."""
    try:
        data = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        raise ConfigError("SH102", f"{where} is not YAML: {_reason(error)}.") from error
    except YAMLError as error:
        raise ConfigError("SH102", f"{path.name} is not YAML: {error}.") from error
    positions = Positions(path)
    if not isinstance(data, CommentedMap):
        raise ConfigError(
            "SH102",
            f"{path.name} is {'empty' if data is None else 'not a mapping of keys to values'}.",
            hint="Write a first one in another folder: horn init",
        )
    plain: dict[str, Any] = _plain(data, (), positions)
    return plain, positions


def _reason(error: MarkedYAMLError) -> str:
    reason = (error.problem or error.context or "").split(" with value")[0]
    return "tabs may not indent" if "'\\t'" in reason else reason


def _plain(value: Any, key: Key, positions: Positions) -> Any:
    match value:
        case CommentedMap():
            plain = {}
            for name, item in value.items():
                inner = (*key, str(name))
                if name in value.lc.data:
                    positions.put(inner, value.lc.key(name)[0] + 1)
                plain[str(name)] = _plain(item, inner, positions)
            return plain
        case CommentedSeq():
            for index in range(len(value)):
                positions.put((*key, index), value.lc.item(index)[0] + 1)
            return [_plain(item, (*key, index), positions) for index, item in enumerate(value)]
        case None | bool():
            return value
        case int():
            return int(value)
        case float():
            return float(value)
        case _:
            return str(value)
