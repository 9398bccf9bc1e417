"""Tests passed: what forges and builds said of a commit, by what is on record of them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from shiphorn.config.gates import GatesEntry
from shiphorn.deploy.gates.setting import Setting
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.statuses import BuildState, CommitStatus, repository_key
from shiphorn.model.times import exact, span

_NAMED = 4


class TestsPassed:
    """Lets a commit through whose builds are green: those that are required, or whatever there is.

    It asks nobody: a forge that is down keeps no deploy from going out whose build is on record.
    """

    name = "tests passed"

    def __init__(self, setting: Setting, entry: GatesEntry) -> None:
        self._store = setting.world.store
        self._repository = repository_key(setting.config.repo)
        self._required = entry.tests if isinstance(entry.tests, list) else ["*"]
        self._any = entry.tests is True
        self._timeout_seconds = entry.tests_timeout

    async def ask(self, question: Question) -> Answer:
        """Its answer: red refuses, and so does what is not green in time."""
        said = self._store.statuses.of_commit(question.sha, self._repository) if question.sha else []
        counting = [one for one in said if any(fnmatchcase(one.context, glob) for glob in self._required)]
        red = [one for one in counting if one.state == BuildState.FAILURE]
        if red:
            what = ", ".join(_red(one) for one in red[:_NAMED])
            more = f" and {len(red) - _NAMED} more" if len(red) > _NAMED else ""
            return Answer(self.name, Verdict.REFUSE, f"{what}{more}", "a build that is green")
        pending = [one for one in counting if one.state == BuildState.PENDING]
        missing = [
            glob for glob in self._required if not any(fnmatchcase(one.context, glob) for one in counting)
        ]
        if pending or missing:
            return self._wait(question, pending, missing)
        last = exact(max(one.at for one in counting), question.at)
        names = ", ".join(dict.fromkeys(one.context for one in counting[:_NAMED]))
        more = f" and {len(counting) - _NAMED} more" if len(counting) > _NAMED else ""
        verb = "is" if len(counting) == 1 else "are"
        return Answer(self.name, Verdict.PASS, f"{names}{more} {verb} green since {last}")

    def _wait(self, question: Question, pending: Sequence[CommitStatus], missing: Sequence[str]) -> Answer:
        told = [
            f"{one.context} is pending since {exact(one.at, question.at)}{_at(one)}"
            for one in pending[:_NAMED]
        ]
        if missing:
            told.append("no build is known of" if self._any else f"nothing is known of {', '.join(missing)}")
        reason = ", ".join(told)
        if question.since is not None:
            since = max([question.since, *(one.at for one in pending)])
            if question.at >= since + self._timeout_seconds:
                late = f"{reason}; after {span(self._timeout_seconds)}"
                return Answer(self.name, Verdict.REFUSE, late, "a build that is green")
        return Answer(self.name, Verdict.WAIT, reason, "the build")


def _red(one: CommitStatus) -> str:
    words = f' "{one.description}"' if one.description else ""
    return f"{one.context} is red{words}{_at(one)}"


def _at(one: CommitStatus) -> str:
    return f" ({one.url})" if one.url else ""
