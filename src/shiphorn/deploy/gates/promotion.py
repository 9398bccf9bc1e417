"""Environment order: the commit has stood in another environment first, long enough and well."""

from __future__ import annotations

from collections.abc import Sequence

from shiphorn.config.gates import AfterEntry
from shiphorn.deploy.gates.setting import Setting
from shiphorn.model.deploy import DeployState, Kind
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.history import DeployFilter, DeployRow
from shiphorn.model.times import span

_LOOKED_AT = 200
"""How many deploys of the other environment are looked at."""


class After:
    """Refuses what was not there before, or did not stay; waits while the time there runs."""

    def __init__(self, setting: Setting, entry: AfterEntry) -> None:
        self._store = setting.world.store
        self._app = setting.app
        self._first = entry.environment
        self._healthy_seconds = entry.healthy
        self.name = f"after {entry.environment}"

    async def ask(self, question: Question) -> Answer:
        """Its answer."""
        sha = question.sha
        if sha and self._store.marks.of_commit(self._app, sha):
            return self._refuse(sha, f"{sha[:8]} is marked bad")
        wanted = DeployFilter(self._app, self._first, states=(DeployState.SUCCEEDED,))
        history = [
            one
            for one in self._store.history.page(wanted, limit=_LOOKED_AT)
            if one.kind != Kind.CONVERGE and not one.narrowed
        ]
        history.sort(key=lambda one: one.token, reverse=True)
        at = next((index for index, one in enumerate(history) if one.sha == sha), None) if sha else None
        if at is None:
            return self._never_there(sha)
        return self._stood(question, history, at)

    def _stood(self, question: Question, history: Sequence[DeployRow], at: int) -> Answer:
        """By the deploys that brought it there, and the one that took it away."""
        sha, brought = question.sha, history[at]
        for earlier in history[at + 1 :]:
            if earlier.sha != sha:
                break
            brought = earlier
        since = brought.finished_at or brought.started_at
        takes = f"and it takes {span(self._healthy_seconds)}"
        if at == 0:
            until = since + self._healthy_seconds
            if question.at < until:
                told = f"it stands in {self._first} since deploy {brought.id}, {takes}"
                return Answer(self.name, Verdict.WAIT, told, "time", "", until)
            return Answer(self.name, Verdict.PASS, f"stands in {self._first} since deploy {brought.id}")
        after = history[at - 1]
        if after.kind == Kind.ROLLBACK:
            told = f"{after.actor} rolled {self._first} back from {sha[:8]}, by rollback {after.id}"
            return self._refuse(sha, told)
        stood = (after.finished_at or after.started_at) - since
        if stood < self._healthy_seconds:
            short = f"{sha[:8]} stood in {self._first} for {span(stood)} only, until deploy {after.id}"
            return self._refuse(sha, f"{short}, {takes}")
        return Answer(self.name, Verdict.PASS, f"stood in {self._first} for {span(stood)}")

    def _never_there(self, sha: str) -> Answer:
        going = [one for one in self._store.deploys.active(self._app, self._first) if sha and one.sha == sha]
        if going and going[0].order.kind == Kind.DEPLOY:
            told = f"deploy {going[0].id} is bringing it to {self._first}"
            return Answer(self.name, Verdict.WAIT, told, f"deploy {going[0].id}")
        return self._refuse(sha, f"{sha[:8] or 'it'} was not in {self._first} yet, on all of its hosts")

    def _refuse(self, sha: str, reason: str) -> Answer:
        how = f"horn deploy {self._app}@{sha[:12]} to {self._first}" if sha else ""
        return Answer(self.name, Verdict.REFUSE, reason, f"a deploy to {self._first}", how)
