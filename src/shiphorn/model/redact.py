"""Redaction: no secret in anything that is kept or shown."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable
from urllib.parse import quote

MARK = "[secret]"
SHORTEST = 4
"""Shorter values are left: to blot out every `1` would tell more than it hides."""
SHORTEST_LINE = 8


_PASSWORD = re.compile(r"(://)[^/@\s]*@")


def without_password(url: str) -> str:
    """A URL, or a text with one, without its user and password."""
    return _PASSWORD.sub(r"\1", url)


class Redactor:
    """Replaces secret values in texts, also as shells, JSON, URLs and base64 write them."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def text(self, text: str) -> str:
        """The text without the secrets."""
        return self._pattern.sub(MARK, text) if self._pattern else text


def _forms(value: str) -> set[str]:
    lines = {line for line in value.splitlines() if len(line.strip()) >= SHORTEST_LINE}
    forms = {value, value.strip(), *lines}
    encoded = {base64.b64encode(value.encode()).decode().rstrip("=")}
    for form in set(forms):
        encoded |= {shlex.quote(form), json.dumps(form)[1:-1], quote(form, safe="")}
    return {form for form in forms | encoded if len(form) >= SHORTEST}
