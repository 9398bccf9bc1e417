"""Types of columns that both databases take alike."""

from __future__ import annotations

import re

import sqlalchemy
from sqlalchemy import BigInteger, Dialect, Integer
from sqlalchemy.types import TypeDecorator

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

Milliseconds = BigInteger().with_variant(Integer(), "sqlite")
"""Unix milliseconds, which need more than the 32 bits of PostgreSQL's INTEGER."""


def storable(text: str) -> str:
    """The text without what a database refuses: NUL becomes ␀, half of a surrogate pair becomes �."""
    return _UNSTORABLE.sub(lambda found: "␀" if found[0] == "\0" else "�", text)


class String(TypeDecorator[str]):
    """Text, whatever a host or a command line put into it."""

    impl = sqlalchemy.String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Make a value storable."""
        return None if value is None else storable(value)


class Text(String):
    """Text that may be long."""

    impl = sqlalchemy.Text
    cache_ok = True
