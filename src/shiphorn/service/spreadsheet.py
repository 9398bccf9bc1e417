"""CSV as spreadsheets read it, and nothing in it that they would compute."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet compute a cell (OWASP, CSV injection); the last four are full-width signs."""


def line(cells: Sequence[str]) -> str:
    """A line of CSV (RFC 4180), with its end."""
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def harmless(text: str) -> str:
    """Text for a cell: what could be taken for a formula begins with an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) else text
