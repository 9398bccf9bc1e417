"""What is deployed: commits, artifacts and releases."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

RELEASE_FORMAT = "%Y%m%d%H%M%S"
RELEASE_PATTERN = re.compile(r"\d{14}")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. `committed_at` is Unix seconds."""

    sha: str
    subject: str
    author: str
    committed_at: int

    @property
    def short(self) -> str:
        """The first eight digits, as announced in chat."""
        return self.sha[:8]


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merge came to: its `tree`, "" when files are in conflict, and those `conflicts`."""

    tree: str
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Artifact:
    """A built release, packed. `tar_digest` (sha256 hex, of the plain tar) is its identity.

    A packing of it is a file per encoding; see `Packing`.
    """

    tar_digest: str
    tar_bytes: int
    files: int

    @property
    def in_words(self) -> str:
        """`10 kB in 6 files`."""
        size = self.tar_bytes / 1000
        return (f"{size:.0f} kB" if size < 1000 else f"{size / 1000:.1f} MB") + f" in {self.files} files"


@dataclass(frozen=True, slots=True)
class Packing:
    """An artifact compressed for the wire: the file, its sha256 hex and size."""

    encoding: str
    """`zstd` or `gzip`."""
    path: str
    digest: str
    size_bytes: int


def release_id(now: datetime, after: str = "") -> str:
    """A release id (UTC, to the second, as Capistrano's) that is greater than `after`."""
    candidate = now.astimezone(UTC).strftime(RELEASE_FORMAT)
    if after and candidate <= after:
        last = datetime.strptime(after, RELEASE_FORMAT).replace(tzinfo=UTC)
        candidate = (last + timedelta(seconds=1)).strftime(RELEASE_FORMAT)
    return candidate


def is_release_id(text: str) -> bool:
    """Whether the text has the form of a release id: fourteen digits."""
    return RELEASE_PATTERN.fullmatch(text) is not None
