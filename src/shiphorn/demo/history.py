"""Git histories of some weeks of work: several people, branches, merges, and some that are not merged yet.

The same words, shapes and people each time; the dates end with now, so that ages look as they would.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shiphorn.demo.project import AUTHORED

PEOPLE = (
    ("Ada Lovelace", "ada@example.com"),
    ("Grace Hopper", "grace@example.com"),
    ("Katherine Johnson", "katherine@example.com"),
    ("Alan Turing", "alan@example.com"),
    ("Hedy Lamarr", "hedy@example.com"),
)
MERGED_AFTER = 2
"""A branch is merged when as many others have begun after it: there are always some side by side, and the
last ones are still being worked on."""
STEP_SECONDS = 3 * 3600
LAST_SECONDS_AGO = 20 * 60

Branch = tuple[str, Sequence[str]]
"""The name of a branch, and the subjects of its commits."""
Files = Mapping[str, str]
"""What is in files, by their paths; those in `bin/` are programs."""


@dataclass
class _Commit:
    """A commit to be. `of` is its branch, parents are positions among all commits."""

    of: str
    subject: str
    who: int
    parents: tuple[int, ...]
    files: Files


@dataclass
class _Work:
    """A history while it is written. `open` are branches that are not merged: what they changed."""

    commits: list[_Commit] = field(default_factory=list)
    heads: dict[str, int] = field(default_factory=dict)
    open: dict[str, dict[str, str]] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)

    def commit(self, of: str, subject: str, who: int, files: Files, *merged: str) -> None:
        """Add a commit to a branch, which begins at main when there is none of the name."""
        first = self.heads.get(of, self.heads.get("main"))
        parents = tuple(one for one in (first, *(self.heads[name] for name in merged)) if one is not None)
        self.commits.append(_Commit(of, subject, who % len(PEOPLE), parents, files))
        self.heads[of] = len(self.commits) - 1

    def merge(self, name: str, who: int) -> None:
        """Merge a branch into main."""
        self.commit("main", f"Merge branch '{name}'", who, self.open.pop(name), name)
        del self.heads[name]
        self.tags[f"v1.{len(self.tags)}"] = self.heads["main"]


def make_history(
    path: Path, base: Files, branches: Sequence[Branch], now: float, last: tuple[str, Files] | None = None
) -> None:
    """A bare repository of an app: `base` is its first commit, `last` the last one on main.

    Each merge has a tag: v1.0, v1.1 and so on.
    """
    work = _Work()
    work.commit("main", "Begin", 0, base)
    for number, (name, subjects) in enumerate(branches):
        if number >= MERGED_AFTER:
            work.merge(branches[number - MERGED_AFTER][0], number)
        work.open[name] = {}
        for place, subject in enumerate(subjects):
            notes = "".join(f"- {one}\n" for one in subjects[: place + 1])
            work.open[name] |= {f"src/{name}.md": f"# {name}\n\n{notes}"}
            work.commit(name, subject, number + place // 2, work.open[name])
    if last is not None:
        work.commit("main", last[0], len(branches), last[1])
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)],
        check=True,
        capture_output=True,
        env=AUTHORED,
    )
    subprocess.run(
        ["git", "-C", str(path), "fast-import", "--quiet"],
        input=_stream(work, now),
        check=True,
        capture_output=True,
        env=AUTHORED,
    )


def _stream(work: _Work, now: float) -> bytes:
    """All of it as `git fast-import` reads it."""
    parts: list[str] = []
    count = len(work.commits)
    for place, one in enumerate(work.commits):
        at = int(now) - LAST_SECONDS_AGO - (count - 1 - place) * STEP_SECONDS - place * 7919 % 3000
        name, mail = PEOPLE[one.who]
        who = f"{name} <{mail}> {at} +0000"
        parts += [f"commit refs/heads/{one.of}\nmark :{place + 1}\nauthor {who}\ncommitter {who}\n"]
        parts += [_data(one.subject)]
        parts += [f"{'merge' if nth else 'from'} :{parent + 1}\n" for nth, parent in enumerate(one.parents)]
        for path, text in one.files.items():
            parts += [f"M {'100755' if path.startswith('bin/') else '100644'} inline {path}\n", _data(text)]
    # A branch that was merged is gone; its commits are not.
    for name in sorted({one.of for one in work.commits} - work.heads.keys()):
        parts += [f"reset refs/heads/{name}\nfrom 0000000000000000000000000000000000000000\n\n"]
    parts += [f"reset refs/tags/{tag}\nfrom :{place + 1}\n\n" for tag, place in work.tags.items()]
    return "".join(parts).encode()


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"
