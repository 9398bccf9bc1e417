"""YAML as plain values, with the line that each came from.

Plain scalars are read by YAML 1.2's core schema, as JSON and editors do: `yes` is a text, `0755` the number
755, `2020-01-01` a text. PyYAML parses; its own reading of scalars, that of YAML 1.1, is not used.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from shiphorn.errors import ConfigError

Key = tuple[str | int, ...]
"""Where a value stands: the keys and indexes that lead to it."""

_WORDS = {"": None, "~": None} | {
    form: value
    for word, value in (("null", None), ("true", True), ("false", False))
    for form in (word, word.capitalize(), word.upper())
}
_NUMBERS = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
)
_UNTAGGED = "untagged"
_TEXT_TAGS = ("tag:yaml.org,2002:str", "!")
VALUES_AT_MOST = 1_000_000
DEPTH_AT_MOST = 30
"""What aliases may make of a file: nobody writes more, and one may hold itself."""


class Positions:
    """The files and lines of values, counted from 1, and how numbers were written."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._places: dict[Key, tuple[str, int]] = {(): (path.name, 1)}
        self._written: dict[Key, str] = {}

    def put(self, key: Key, line: int) -> None:
        """Record a line."""
        self._places[key] = (self._name, line)

    def place(self, key: Key) -> tuple[str, int]:
        """The file and the line of a value, or of what is nearest above it."""
        while key not in self._places:
            key = key[:-1]
        return self._places[key]

    def where(self, key: Key) -> str:
        """`deploy.yml:12`."""
        name, line = self.place(key)
        return f"{name}:{line}"

    def put_written(self, key: Key, text: str) -> None:
        """Record how a number was written."""
        self._written[key] = text

    def written(self, key: Key) -> str | None:
        """How a number was written: `1.10` where the value is 1.1; None for what is no number."""
        return self._written.get(key)

    def shift(self, key: Key, by: int) -> None:
        """Move the items of a list by so many: others were put in front of them."""
        self._places = {_shifted(one, key, by): place for one, place in self._places.items()}

    def lift(self, name: str) -> None:
        """Give what stands below a key at the top of the file a place at the top, too."""
        inner = {key: place for key, place in self._places.items() if key[:1] == (name,) and len(key) > 1}
        self._places |= {key[1:]: place for key, place in inner.items()}
        self._written |= {key[1:]: text for key, text in self._written.items() if key[:1] == (name,)}

    def over(self, below: Positions) -> None:
        """Add the places of a file that this one lies over: where both have a value, it is this one's."""
        self._places = below._places | self._places
        self._written = below._written | self._written


def _shifted(one: Key, key: Key, by: int) -> Key:
    index = one[len(key)] if one[: len(key)] == key and len(one) > len(key) else ""
    return (*key, index + by, *one[len(key) + 1 :]) if isinstance(index, int) else one


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A loader that leaves plain scalars to us."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML has it
    DEFAULT_SCALAR_TAG = _UNTAGGED


def read(text: str, path: Path) -> tuple[dict[str, Any], Positions]:
    """The mapping in a YAML text. Raises ConfigError SH102 with the line."""
    try:
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        raise ConfigError("SH102", f"{where} is not YAML: {_reason(error)}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError("SH102", f"{path.name}:{line} is not YAML: {error.reason}.") from error
    positions = Positions(path)
    if not isinstance(root, yaml.MappingNode):
        empty = root is None or (isinstance(root, yaml.ScalarNode) and not root.value)
        raise ConfigError(
            "SH102",
            f"{path.name} is {'empty' if empty else 'not a mapping of keys to values'}.",
            hint="Write a first one in another folder: horn init",
        )
    return _Reader(positions, path.name).mapping(root, ()), positions


class _Reader:
    """Turns the nodes of one file into values."""

    def __init__(self, positions: Positions, name: str) -> None:
        self._positions = positions
        self._name = name
        self._values = 0

    def mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        """The values by key; those of merged mappings (`<<`) are the weakest."""
        plain: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for name_node, item in node.value:
            name = str(getattr(name_node, "value", ""))
            if not isinstance(name_node, yaml.ScalarNode):
                raise self._error(name_node, "a key has to be a text")
            if name == "<<" and not name_node.style:
                for merged in item.value if isinstance(item, yaml.SequenceNode) else [item]:
                    if not isinstance(merged, yaml.MappingNode):
                        raise self._error(item, "<< takes a mapping, or a list of mappings")
                    plain = self.mapping(merged, key) | plain
                continue
            if name in own:
                raise self._error(name_node, f'found duplicate key "{name}"')
            own[name] = self._value(item, (*key, name), name_node)
        return plain | own

    def _value(self, node: yaml.Node, key: Key, at: yaml.Node) -> Any:
        self._values += 1
        if self._values > VALUES_AT_MOST or len(key) > DEPTH_AT_MOST:
            raise self._error(node, "its aliases make it too large")
        self._positions.put(key, at.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*key, index), item) for index, item in enumerate(node.value)]
        if node.tag in _TEXT_TAGS or (node.tag == _UNTAGGED and getattr(node, "style", None)):
            return node.value
        if node.tag != _UNTAGGED:
            raise self._error(node, f"the tag {node.tag} means nothing here")
        return self._plain(node.value, key)

    def _plain(self, text: str, key: Key) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        for pattern, number in _NUMBERS:
            if pattern.fullmatch(text):
                self._positions.put_written(key, text)
                return number(text)
        return text

    def _error(self, node: yaml.Node, reason: str) -> ConfigError:
        return ConfigError("SH102", f"{self._name}:{node.start_mark.line + 1} is not usable YAML: {reason}.")


def _reason(error: yaml.MarkedYAMLError) -> str:
    reason = (error.problem or error.context or "").split(" with value")[0]
    return "tabs may not indent" if "'\\t'" in reason else reason
