"""Which account somebody has on an IRC network, where messages do not say so: WHOIS, and its reply 330."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from irctokens.line import Line

from shiphorn.adapters.irc_login import IrcError
from shiphorn.adapters.irc_text import folded

ANSWER_SECONDS = 60.0


@dataclass
class _Question:
    """A WHOIS that was asked. `spoilt` is whether the nick has changed hands since, or may have."""

    answered: asyncio.Future[None]
    host: str = ""
    account: str = ""
    spoilt: bool = False


class Who:
    """Asks, one question after the other. `put` sends a line as the limits allow."""

    def __init__(self, put: Callable[..., None]) -> None:
        self.handlers: dict[str, Callable[[Line], None]] = {
            "311": self._on_user,
            "318": self._on_end,
            "330": self._on_account,
        }
        self._put = put
        self._questions: dict[str, _Question] = {}
        self._one_by_one = asyncio.Lock()

    async def account_of(self, source: str) -> str:
        """The account of `nick!user@host`; "" for none, or when somebody else may have the nick by now."""
        nick, _, host = source.partition("!")
        async with self._one_by_one:
            question = _Question(asyncio.get_running_loop().create_future())
            self._questions[folded(nick)] = question
            try:
                self._put("WHOIS", nick)
                async with asyncio.timeout(ANSWER_SECONDS):
                    await question.answered
            except (TimeoutError, IrcError):
                return ""
            finally:
                self._questions.pop(folded(nick), None)
        # Whoever spoke may have let go of the nick, for another one to take it and be asked about.
        return question.account if question.host == host and not question.spoilt else ""

    def spoil(self, line: Line) -> None:
        """Somebody goes, or goes by another nick or account: what is asked about them is worth nothing."""
        for nick in ((line.source or "").partition("!")[0], *line.params[:1]):
            if question := self._questions.get(folded(nick)):
                question.spoilt = True

    def give_up(self) -> None:
        """Nobody will answer any more."""
        for question in self._questions.values():
            question.spoilt = True
            _end(question)

    def no_such(self, nick: str) -> None:
        """There is nobody of that nick."""
        if question := self._questions.get(folded(nick)):
            _end(question)

    def _on_user(self, line: Line) -> None:
        if question := self._questions.get(folded(line.params[1])):
            question.host = f"{line.params[2]}@{line.params[3]}"

    def _on_account(self, line: Line) -> None:
        if question := self._questions.get(folded(line.params[1])):
            question.account = line.params[2]

    def _on_end(self, line: Line) -> None:
        self.no_such(line.params[1])


def _end(question: _Question) -> None:
    if not question.answered.done():
        question.answered.set_result(None)
