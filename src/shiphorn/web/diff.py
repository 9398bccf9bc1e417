"""A unified diff as pages show it: files, and lines that came, went or stayed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shiphorn.model.graph import Diff, FileChange

LINES_SHOWN = 400
"""Lines of one file; of a longer one the beginning is shown."""
OPEN_LINES = 200
"""Files stand open as long as all of them have no more lines than this."""
_KINDS = {"+": "came", "-": "went", "@": "place", "\\": "word"}


@dataclass(frozen=True, slots=True)
class Line:
    """`kind` is came, went, stayed, place (where in the file what follows is) or word (git's own)."""

    kind: str
    text: str


@dataclass(slots=True)
class FileDiff:
    """What differs in a file. `lines` is None where the diff ended before it; `hidden` more are left out."""

    change: FileChange
    lines: list[Line] | None = None
    hidden: int = 0
    is_open: bool = field(default=False)


def files(diff: Diff) -> list[FileDiff]:
    """The files of a diff, in its order, which is that of its changes."""
    found = [FileDiff(change) for change in diff.changes]
    for file, lines in zip(found, _by_file(diff.text), strict=False):
        file.lines = [_line(text) for text in lines[:LINES_SHOWN]]
        file.hidden = max(0, len(lines) - LINES_SHOWN)
    are_open = sum(len(file.lines or ()) for file in found) <= OPEN_LINES
    for file in found:
        file.is_open = are_open
    return found


def _by_file(text: str) -> Iterator[Sequence[str]]:
    """The lines of each file from its first `@@` on."""
    # Only line feeds end a line here: a form feed is text.
    lines: list[str] | None = None
    begun = False
    for line in text.split("\n")[:-1]:
        if line.startswith("diff --git "):
            if lines is not None:
                yield lines
            lines, begun = [], False
        elif lines is not None:
            begun = begun or line.startswith("@@")
            if begun:
                lines.append(line)
    if lines is not None:
        yield lines


def _line(text: str) -> Line:
    kind = _KINDS.get(text[:1], "stayed")
    return Line(kind, text if kind in ("place", "word") else text[1:])
