"""Text as IRC takes it: lines of no more than so many bytes, and names that are the same in any case."""

from __future__ import annotations

from collections.abc import Iterable

from shiphorn.model.plain import one_line

LINE_BYTES = 512
"""The longest line of RFC 1459, its end included."""
_RFC1459 = str.maketrans("[]\\~", "{}|^")


def lines(text: str, room_bytes: int, most: int) -> list[str]:
    """A text as lines of `room_bytes` at most, broken between words and never within a character.

    Of more lines than `most` the last one says how many are left out.
    """
    plain = [line for part in text.splitlines() if (line := one_line(part))]
    found = [piece for line in plain for piece in _pieces(line, room_bytes)]
    if len(found) <= most:
        return found
    left = len(found) - most + 1
    return [*found[: most - 1], f"… and {left} more lines"]


def room(prefix: str, target: str) -> int:
    """How many bytes a text may have that a server hands on from somebody (`nick!user@host`) to a target."""
    return LINE_BYTES - 2 - len(f":{prefix} PRIVMSG {target} :".encode())


def folded(name: str) -> str:
    """A nick or channel as it is compared. Brackets are the capitals of braces: RFC 1459, section 2.2."""
    return name.lower().translate(_RFC1459)


def nicks(wanted: str) -> Iterable[str]:
    """A nick, then what is tried when it is taken."""
    yield wanted
    for tail in ("_", "__", "-2", "-3", "-4"):
        yield f"{wanted[: 16 - len(tail)]}{tail}"


def _pieces(line: str, room_bytes: int) -> list[str]:
    pieces = []
    while len(line.encode()) > room_bytes:
        head = line.encode()[:room_bytes].decode(errors="ignore")
        space = head.rfind(" ")
        cut = space if space > len(head) // 2 else len(head)
        pieces.append(line[:cut])
        line = line[cut:].lstrip()
    return [*pieces, line] if line else pieces
