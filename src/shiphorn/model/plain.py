"""Text from outside as it may stand in one line of something that people read."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?")
_SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control codes, those of IRC for bold and the like too
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of writing around
    "\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def one_line(text: str) -> str:
    """The text in one line, without codes that colour it, hide a part of it or turn it around."""
    return _UNSEEN.sub("", _SPACES.sub(" ", _COLOURS.sub("", text))).strip()
