"""What commands printed: the same once, outliers by name, and no more than a page can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shiphorn.errors import NotFound
from shiphorn.service.hosts.folding import Fold, fold
from shiphorn.store.records import FoldRow, digest_of
from shiphorn.store.store import Store

NAMED = 6
"""Up to so many hosts that printed the same are told by name."""
PRINTS_SHOWN = 60
LINES_SHOWN = 60
LONGEST_LINE = 2_000
MOST_LINES = 5_000
_READ_CHARACTERS = 40_000
_NAMES_READ = 2_000


@dataclass(frozen=True, slots=True)
class Print:
    """A text that hosts printed. `names` are those hosts when they are few, else none.

    `anchor` begins the names of its lines on a page. `lines` are the first of it, as (number, text); of a
    command that failed the last. `more` is whether that is not all.
    """

    phase: str
    command: str
    exit_status: int | None
    seconds: float
    hosts: int
    names: Sequence[str]
    anchor: str
    digest: str
    lines: Sequence[tuple[int, str]]
    more: bool

    @property
    def failed(self) -> bool:
        """Whether its command did not end well, or did not end."""
        return self.exit_status != 0


@dataclass(frozen=True, slots=True)
class Printed:
    """What was printed, in the order of the commands; `left_out` counts texts beyond those."""

    prints: Sequence[Print]
    left_out: int = 0


def printed(store: Store, deploy_id: int, text: str = "") -> Printed:
    """What all hosts and the build printed; only what contains a `text`, if one is given."""
    rows = store.records.folds(deploy_id, text)
    shown = rows[:PRINTS_SHOWN]
    digests = [row.digest for row in shown]
    few = [row.digest for row in shown if row.hosts <= NAMED]
    names: dict[tuple[str, ...], list[str]] = {}
    for *key, host in store.records.printed_on(deploy_id, few, _NAMES_READ):
        names.setdefault(tuple(key), []).append(host)
    known = store.records.beginnings(digests, _READ_CHARACTERS)
    return Printed(list(_prints(shown, names, known)), len(rows) - len(shown))


def printed_by(store: Store, deploy_id: int, host: str) -> list[Print]:
    """What one host printed."""
    made = []
    for number, one in enumerate(fold(store.records.outputs(deploy_id, host)), 1):
        lines, more = _window(one.output, len(one.output), is_end=one.exit_status != 0)
        made.append(_print_of(one, number, lines, more=more))
    return made


def whole(store: Store, deploy_id: int, digest: str) -> str:
    """A text that a command of this deploy printed, all of it. Raises NotFound SH598."""
    found = store.records.text(deploy_id, digest)
    if found is None:
        raise NotFound("SH598", f"no command of deploy {deploy_id} printed this.")
    return found


def lines_of(text: str) -> tuple[list[tuple[int, str]], bool]:
    """The lines of a text with their numbers, as many as a page can take, and whether there are more."""
    lines = text.rstrip("\n").split("\n")
    shown = [(number, line[:LONGEST_LINE]) for number, line in enumerate(lines[:MOST_LINES], 1)]
    return shown, len(lines) > MOST_LINES


def anchor_of(host: str, command: int) -> str:
    """What the anchors of lines begin with; "" is the deployer, where the build runs."""
    name = "".join(letter if letter.isalnum() or letter in "._" else "_" for letter in host or "build")
    return f"L-{name}-{command}"


def _prints(
    rows: Sequence[FoldRow], names: dict[tuple[str, ...], list[str]], known: dict[str, tuple[str, int]]
) -> Iterator[Print]:
    number, before = 0, ("", "")
    for row in rows:
        number += (row.phase, row.command) != before
        before = (row.phase, row.command)
        text, length = known.get(row.digest, ("", 0))
        lines, more = _window(text, length, is_end=row.exit_status != 0)
        few = names.get((row.phase, row.command, row.digest), []) if row.hosts <= NAMED else []
        yield Print(
            row.phase,
            row.command,
            row.exit_status,
            row.seconds,
            row.hosts,
            few,
            anchor_of(row.host, number),
            row.digest,
            lines,
            more,
        )


def _print_of(one: Fold, number: int, lines: list[tuple[int, str]], *, more: bool) -> Print:
    host = one.hosts[0]
    return Print(
        one.phase,
        one.command,
        one.exit_status,
        one.seconds,
        1,
        one.hosts,
        anchor_of(host, number),
        digest_of(one.output),
        lines,
        more,
    )


def _window(text: str, length: int, *, is_end: bool) -> tuple[list[tuple[int, str]], bool]:
    """The first lines of a text of which we have the beginning, or the last ones if we have all of it."""
    lines = text.rstrip("\n").split("\n") if text.strip() else []
    numbered = [(number, line[:LONGEST_LINE]) for number, line in enumerate(lines, 1)]
    shown = numbered[-LINES_SHOWN:] if is_end and length <= len(text) else numbered[:LINES_SHOWN]
    return shown, len(shown) < len(numbered) or length > len(text)
