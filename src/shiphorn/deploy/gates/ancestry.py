"""What a commit has of what is live, and of the branch that all others come from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from shiphorn.deploy.gates.setting import Setting
from shiphorn.deploy.out import leads_back
from shiphorn.errors import SourceError
from shiphorn.model.events import Merged
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.graph import RefKind
from shiphorn.model.release import Commit

_NAMED = 3
"""How many commits a reason names."""
_COUNTED = 200
_FETCH_SECONDS = 20.0
_FRESH_SECONDS = 60.0
"""How long a mirror that was fetched while a deploy waits is good enough."""


class ContainsLive:
    """Refuses a commit that would overwrite what is live: somebody else's build would be gone.

    Going back to a commit that what is live came from is no accident, unless what is live was ordered later;
    a `strict` one refuses it all the same. Nor is it one where a branch was out under a lock, and the base
    branch comes back: whose turn that is the lock says.
    """

    name = "contains live"

    def __init__(self, setting: Setting, *, strict: bool) -> None:
        self._store = setting.world.store
        self._source = setting.world.source(setting.config)
        self._config = setting.config
        self._strict = strict

    async def ask(self, question: Question) -> Answer:
        """Its answer."""
        sha, live = question.sha, question.live_sha
        if not sha or not live or sha == live:
            return self._pass("it is live already" if sha and live else "nothing known of is live")
        if not await self._source.has(live):
            unknown = f"the repository does not have {live[:8]}, which is live"
            return self._refuse(question, unknown) if self._strict else self._pass(unknown)
        lost = await self._source.log(sha, live, limit=_COUNTED)
        if not lost:
            return self._pass("contains what is live")
        if not self._strict and not await self._source.log(live, sha, limit=1):
            return self._back(question, lost)
        branch = await leads_back(self._store, self._source, self._config, question.order.environment, sha)
        if branch:
            return self._pass(f"goes back from branch {branch}")
        return self._refuse(question, f"you would overwrite {listed(lost)}")

    def _back(self, question: Question, lost: Sequence[Commit]) -> Answer:
        newer = self._came_since(question)
        if newer:
            return self._refuse(question, f"deploy {newer} came since this was ordered: {listed(lost)}")
        return self._pass(f"goes back by {_counted(lost)}")

    def _came_since(self, question: Question) -> int:
        """The deploy that made what is live, if it was ordered after this one, which may have waited long:
        then nobody who ordered this one meant to go back.
        """
        place = (question.order.app, question.order.environment)
        row = self._store.history.standings([place]).live.get(place) if question.deploy_id else None
        return row.id if row is not None and row.id > question.deploy_id else 0

    def _pass(self, reason: str) -> Answer:
        return Answer(self.name, Verdict.PASS, reason)

    def _refuse(self, question: Question, reason: str) -> Answer:
        order = question.order
        who = f"whoever merges {question.live_sha[:8]} into what is deployed"
        return Answer(self.name, Verdict.REFUSE, f"{reason}; live in {order.environment}", who)


class UpToDate:
    """Refuses a branch that lacks commits of the branch that others come from, or has it merged into it.

    `merged` does so, for a deploy that nothing else refuses.
    """

    name = "up to date"

    def __init__(self, setting: Setting, *, merges: bool) -> None:
        self._store = setting.world.store
        self._source = setting.world.source(setting.config)
        self._base = setting.config.base(setting.environment)
        self._merges = merges
        self._fetched = 0.0

    async def ask(self, question: Question) -> Answer:
        """Its answer."""
        sha = question.sha
        if not sha:
            return self._pass("no commit is known yet")
        await self._refresh(question)
        base = await self._source.resolve(self._base)
        lacking = await self._source.log(sha, base.sha, limit=_COUNTED)
        if not lacking:
            return self._pass(f"up to date with {self._base}")
        if not await self._source.log(base.sha, sha, limit=1):
            return self._pass(f"it is on {self._base}")
        if self._was_merged(question):
            return self._pass(f"{self._base} was merged into it")
        lacks = f"{self._base} has {listed(lacking)}, which it lacks"
        if not self._merges:
            return self._refuse(lacks, f"whoever merges {self._base} into it", f"git merge {self._base}")
        return await self._mergeable(question, base, lacks)

    async def merged(self, question: Question, started_at: float) -> str:
        """Merge the base into the branch and push it: the commit to go on with, "" if that is not to be.

        A second call for the same deploy gives the same commit, whatever became of the first.
        Raises SourceError SH221 when the repository does not take it.
        """
        await self._source.refresh()
        branch = await self._branch(question)
        if not branch:
            return ""
        head = await self._source.resolve(branch)
        if head.sha != question.sha:
            return head.sha if await self._is_ours(head.sha, question) else ""
        base = await self._source.resolve(self._base)
        result = await self._source.merge(question.sha, base.sha)
        if result.conflicts:
            return ""
        order = question.order
        message = (
            f"Merge {self._base} into {branch}\n\n"
            f"For deploy {question.deploy_id} to {order.environment} by {order.actor}.\n\n"
            f"{_trailer(question.run)}\n"
        )
        return await self._source.push_merge(
            branch, result.tree, (question.sha, base.sha), message, started_at
        )

    async def branch(self, question: Question) -> str:
        """The branch that is merged into."""
        return await self._branch(question)

    async def _mergeable(self, question: Question, base: Commit, lacks: str) -> Answer:
        """Whether the base can be merged."""
        branch = await self._branch(question)
        if not branch:
            return self._refuse(f"{lacks}; and it is no branch, into which it could be merged", "")
        head = await self._source.resolve(branch)
        if head.sha != question.sha and not await self._is_ours(head.sha, question):
            moved = f"{branch} has moved on to {head.short} {head.subject} by {head.author}"
            return self._refuse(moved, "whoever deploys the branch again")
        result = await self._source.merge(question.sha, base.sha)
        if result.conflicts:
            files = ", ".join(result.conflicts[:5])
            more = f" and {len(result.conflicts) - 5} more" if len(result.conflicts) > 5 else ""
            conflict = f"{lacks}; they are in conflict in {files}{more}"
            return self._refuse(conflict, f"whoever merges {self._base} into {branch} by hand")
        return Answer(
            self.name,
            Verdict.WAIT,
            f"{lacks}; a deploy merges {self._base} into {branch}",
            "the deploy itself",
        )

    async def _branch(self, question: Question) -> str:
        """The branch that is deployed: the one that was named, else the only one with that commit."""
        refs = await self._source.refs()
        heads = {
            ref.name: ref.sha for ref in refs.all if ref.kind == RefKind.BRANCH and ref.name != self._base
        }
        if question.order.ref in heads:
            return question.order.ref
        there = [name for name, sha in heads.items() if sha == question.sha]
        return there[0] if len(there) == 1 else ""

    async def _is_ours(self, head: str, question: Question) -> bool:
        """Whether this deploy has merged already, and died before that was on record."""
        parents = await self._source.parents(head)
        if not question.run or list(parents[:1]) != [question.sha]:
            return False
        return _trailer(question.run) in (await self._source.show(head)).splitlines()

    def _was_merged(self, question: Question) -> bool:
        """Whether this very deploy made the commit: a base that moves on meanwhile is for the next one."""
        found = self._store.records.events(question.deploy_id) if question.deploy_id else []
        return any(body["kind"] == Merged.kind and body["sha"] == question.sha for _, body in found)

    async def _refresh(self, question: Question) -> None:
        """A deploy asks for what was pushed lately; where the forge is down the mirror has to do."""
        if question.since is not None and time.monotonic() - self._fetched > _FRESH_SECONDS:
            self._fetched = time.monotonic()
            with suppress(SourceError, TimeoutError):
                async with asyncio.timeout(_FETCH_SECONDS):
                    await self._source.refresh()

    def _pass(self, reason: str) -> Answer:
        return Answer(self.name, Verdict.PASS, reason)

    def _refuse(self, reason: str, cleared_by: str, how: str = "") -> Answer:
        return Answer(self.name, Verdict.REFUSE, reason, cleared_by, how)


def listed(commits: Sequence[Commit]) -> str:
    """Some commits with their authors, and how many more: `1a2b3c4d Fix it (Ada)`."""
    named = ", ".join(f"{one.short} {one.subject} ({one.author})" for one in commits[:_NAMED])
    more = len(commits) - _NAMED
    if more <= 0:
        return named
    return f"{named} and {'at least ' if len(commits) == _COUNTED else ''}{more} more"


def _counted(commits: Sequence[Commit]) -> str:
    count = f"{len(commits)} or more" if len(commits) == _COUNTED else str(len(commits))
    return f"{count} commit{'' if len(commits) == 1 else 's'}"


def _trailer(run: str) -> str:
    return f"Shiphorn-Run: {run}"
