"""What commits say and change, kept for who looks next: it never becomes another one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from shiphorn.errors import ShiphornError
from shiphorn.model.graph import Diff
from shiphorn.ports import Source

DIFF_SHOWN_BYTES = 250_000
KEPT = 64


@dataclass(frozen=True, slots=True)
class Changes:
    """The message of a commit, and what differs from another one; without a diff `trouble` says why."""

    message: str
    diff: Diff | None
    trouble: str = ""


class KeptChanges:
    """The last ones that were asked for. Each takes git half a dozen programs."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str], Changes] = OrderedDict()

    async def of(self, repo: str, source: Source, base: str, sha: str) -> Changes:
        """What a commit says, and changes against `base`, "" for nothing; both by their whole ids.

        Raises SourceError SH213, SH214.
        """
        key = (repo, base, sha)
        found = self._kept.get(key)
        if found is None:
            (diff, trouble), message = await asyncio.gather(_diff(source, base, sha), source.show(sha))
            found = Changes(message, diff, trouble)
        if found.diff is not None:
            self._kept[key] = found
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


async def _diff(source: Source, base: str, sha: str) -> tuple[Diff | None, str]:
    """What differs, or why nobody can say."""
    try:
        return await source.diff(base, sha, limit_bytes=DIFF_SHOWN_BYTES), ""
    except ShiphornError as error:
        return None, str(error)
