"""What of a branch comes after what is live, and whether one commit is part of another's history."""

from __future__ import annotations

from pathlib import Path

from shiphorn.adapters.git_command import git
from shiphorn.errors import SourceError
from shiphorn.model.auto import Written
from shiphorn.model.release import Commit

_FORMAT = "%H%x00%s%x00%an%x00%ct%x00%B"
_FIELDS = 5


async def read_ahead(mirror: Path, live: str, head: str, limit: int) -> list[Written]:
    """The commits of the line of first parents of `head` that come after `live`, newest first.

    None when `live` is not behind `head`, or not known. Raises SourceError SH213.
    """
    if live and not await is_part_of(mirror, live, head):
        return []
    line = ("--first-parent", f"--max-count={limit}", head, *([f"^{live}"] if live else []))
    got = await git(mirror, "log", "-z", f"--format={_FORMAT}", *line, "--")
    if got.status != 0:
        raise SourceError("SH213", f"the history of {head[:8]} cannot be read: {got.last_words}.")
    found = _written(got.stdout.decode(errors="replace"))
    if not live:
        return found
    # Below the merge that brought what is live, the line is beside it.
    listed = await git(
        mirror, "rev-list", "--ancestry-path", f"--max-count={limit * 20}", f"{live}..{head}", "--"
    )
    after = set(listed.stdout.decode().split())
    return [one for one in found if one.commit.sha in after]


async def is_part_of(mirror: Path, part: str, whole: str) -> bool:
    """Whether a commit is another one, or comes before it; False when either is not there."""
    return (await git(mirror, "merge-base", "--is-ancestor", part, whole)).status == 0


def _written(printed: str) -> list[Written]:
    fields = printed.split("\0")
    return [
        Written(Commit(sha, subject, author, int(at)), message.strip())
        for sha, subject, author, at, message in zip(
            *(fields[start::_FIELDS] for start in range(_FIELDS)), strict=False
        )
    ]
