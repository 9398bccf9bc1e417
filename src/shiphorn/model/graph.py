"""What is known of a repository's history: its commits, the names that point at them, and diffs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from shiphorn.model.release import Commit


@dataclass(frozen=True, slots=True)
class Node:
    """A commit and the ids of its parents, the first parent first."""

    commit: Commit
    parents: tuple[str, ...] = ()


class RefKind(StrEnum):
    """What sort of name it is."""

    BRANCH = "branch"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or tag by its short name, and the commit that it is at."""

    name: str
    kind: RefKind
    sha: str


@dataclass(frozen=True)
class Refs:
    """All branches and tags, as they stood at one moment. `default` is the default branch's name."""

    default: str
    all: tuple[Ref, ...]

    @cached_property
    def digest(self) -> str:
        """Of all this. Repositories with the same digest have the same graph."""
        lines = (f"{ref.kind} {ref.sha} {ref.name}\n" for ref in self.all)
        return hashlib.sha256("".join((f"{self.default}\n", *lines)).encode()).hexdigest()[:32]

    @property
    def head(self) -> str:
        """The commit that the default branch is at, "" if there is none."""
        named = (ref.sha for ref in self.all if ref.kind == RefKind.BRANCH and ref.name == self.default)
        return next(named, "")


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that differs, in lines. `binary` files have no lines."""

    path: str
    insertions: int
    deletions: int
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two commits. `text` is unified; it ends early when `truncated`."""

    text: str
    changes: Sequence[FileChange]
    truncated: bool = False

    @property
    def insertions(self) -> int:
        """Lines that came, in all files."""
        return sum(change.insertions for change in self.changes)

    @property
    def deletions(self) -> int:
        """Lines that went, in all files."""
        return sum(change.deletions for change in self.changes)
