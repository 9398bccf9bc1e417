"""What was perhaps meant by a name that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: str, known: Iterable[str]) -> str:
    """A known name that is alike, or the only one that begins so; "" if there is none."""
    known = list(known)
    alike = difflib.get_close_matches(name, known, n=1)
    begun = [one for one in known if name and one.startswith(name)]
    return alike[0] if alike else begun[0] if len(begun) == 1 else ""
