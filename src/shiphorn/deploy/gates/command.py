"""Commands on the deployer that have a say: 0 passes, 75 waits, anything else refuses."""

from __future__ import annotations

import os
from dataclasses import replace

from shiphorn.adapters.gate_command import ask_command
from shiphorn.config.gates import GateCommand
from shiphorn.deploy.gates.setting import Setting
from shiphorn.errors import ConfigError
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.redact import Redactor
from shiphorn.model.settings import SecretRef
from shiphorn.model.times import span

TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h."""
_LINES, _LONGEST = 3, 400
_KEPT = 500
_recent: dict[tuple[str, ...], tuple[float, Answer]] = {}
"""What was answered lately to whoever only asked: a page that is looked at often runs nothing anew."""


class Command:
    """A gate by a command of the config. `limit_seconds` is how long it may be asked."""

    def __init__(self, setting: Setting, entry: GateCommand) -> None:
        self._setting = setting
        self._entry = entry
        self._answered: tuple[str, float, Answer] | None = None
        self.name = entry.name
        self.limit_seconds = entry.timeout + 10.0

    async def ask(self, question: Question) -> Answer:
        """Its answer, which counts for a while."""
        if question.since is None:
            return await self._told(question)
        if self._answered is not None:
            sha, until, answer = self._answered
            if sha == question.sha and question.at < until:
                return answer
        answer = await self._run(question)
        self._answered = (question.sha, question.at + self._entry.every, answer)
        return answer

    async def _told(self, question: Question) -> Answer:
        key = (*self._facts(question).values(), self._entry.name, self._entry.run)
        until, answer = _recent.get(key, (0.0, None))
        if answer is None or question.at >= until:
            answer = await self._run(question)
            while len(_recent) >= _KEPT:
                _recent.pop(next(iter(_recent)))
            _recent[key] = (question.at + self._entry.every, answer)
        return answer

    async def _run(self, question: Question) -> Answer:
        secrets, redactor = await self._secrets()
        mine = {name: str(value) for name, value in self._entry.env.items() if isinstance(value, str)}
        # What the deployer is set up with, its database's password among it, is not theirs.
        outer = {name: value for name, value in os.environ.items() if not name.startswith("HORN_")}
        env = outer | mine | secrets | self._facts(question)
        directory = self._setting.config.path.parent
        status, printed = await ask_command(
            self._entry.run, directory if directory.is_dir() else None, env, self._entry.timeout
        )
        words = _first_lines(redactor.text(printed))
        answer = Answer(self.name, Verdict.PASS, words or f"{self.name} says yes")
        if status == 0:
            return answer
        if status == TRY_AGAIN:
            return replace(answer, verdict=Verdict.WAIT, reason=words or "not yet", cleared_by="time")
        ended = (
            f"no answer within {span(self._entry.timeout)}" if status is None else f"it ended with {status}"
        )
        reason = f"{words} ({ended})" if words else ended
        return replace(
            answer, verdict=Verdict.REFUSE, reason=reason, cleared_by=f"whoever makes {self.name} say yes"
        )

    async def _secrets(self) -> tuple[dict[str, str], Redactor]:
        """What it is given, and what must not show: also what a secret of the environment holds."""
        config = self._setting.config
        provider = self._setting.world.secrets(config)
        given = {
            variable: await provider.get(value.name)
            for variable, value in self._entry.env.items()
            if isinstance(value, SecretRef)
        }
        hidden = list(given.values())
        for name, source in config.secrets.items():
            if source.kind != "command":
                try:
                    hidden.append(await provider.get(name))
                except ConfigError:
                    # That one is missing is for the probe to tell.
                    continue
        return given, Redactor(hidden)

    @staticmethod
    def _facts(question: Question) -> dict[str, str]:
        order = question.order
        return {
            "HORN_APP": order.app,
            "HORN_ENVIRONMENT": order.environment,
            "HORN_SHA": question.sha,
            "HORN_REF": order.ref,
            "HORN_ACTOR": order.actor,
            "HORN_LIVE_SHA": question.live_sha,
        }


def _first_lines(printed: str) -> str:
    clean = "".join(char if char.isprintable() or char == "\n" else " " for char in printed)
    lines = [line.strip() for line in clean.splitlines() if line.strip()]
    return " / ".join(lines[:_LINES])[:_LONGEST]
