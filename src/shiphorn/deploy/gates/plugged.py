"""Gates of plug-ins, by the names of their entry points in the group `shiphorn.gates`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from shiphorn import plugins
from shiphorn.deploy.gates.setting import Setting
from shiphorn.errors import Refused, ShiphornError
from shiphorn.model.gates import Answer, Question
from shiphorn.ports import Gate

GROUP = "shiphorn.gates"

Maker = Callable[[Setting], Gate]
"""What an entry point names: it makes a gate for an environment of an app."""


class Plugged:
    """A gate that a plug-in makes. One that is not there, or does not work, refuses."""

    def __init__(self, name: str, setting: Setting) -> None:
        self.name = name
        self._setting = setting
        self._made: Gate | None = None

    async def ask(self, question: Question) -> Answer:
        """Its answer, under the name that the config knows it by.

        Raises ConfigError SH170 to SH172, Refused SH907 when it fails.
        """
        try:
            if self._made is None:
                maker: Maker = plugins.load(GROUP, self.name)
                self._made = maker(self._setting)
            answer = await self._made.ask(question)
        except ShiphornError:
            raise
        except Exception as error:
            raise Refused("SH907", f"the plug-in failed: {type(error).__name__}: {error}") from error
        if not isinstance(answer, Answer):
            raise Refused("SH907", f"the plug-in gave no answer, but {answer!r}")
        return replace(answer, gate=self.name)
