"""Approval: other people have said that this commit may go to these hosts."""

from __future__ import annotations

from shiphorn.config.gates import ApprovalEntry
from shiphorn.deploy import discover
from shiphorn.deploy.gates.setting import Setting
from shiphorn.model.approvals import digest
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.target import Selection

_HOSTS_SECONDS = 30.0
"""How long a list of hosts counts: an inventory may be a program, and a deploy may wait for hours."""


class Approved:
    """Waits until enough people have approved: none of them ordered it, and the hosts are still the same."""

    name = "approval"

    def __init__(self, setting: Setting, entry: ApprovalEntry) -> None:
        self._setting = setting
        self._people = entry.people
        self._hosts = ("", float("-inf"))

    async def ask(self, question: Question) -> Answer:
        """Its answer."""
        order, sha = question.order, question.sha
        app, environment = order.app, order.environment
        found = (
            self._setting.world.store.approvals.of_commit(app, environment, sha, question.at) if sha else []
        )
        given = [one for one in found if one.actor != order.actor]
        hosts = await self._digest(question) if given else ""
        counting = list(dict.fromkeys(one.actor for one in given if one.hosts == hosts))
        if len(counting) >= self._people:
            return Answer(self.name, Verdict.PASS, f"approved by {', '.join(counting)}")
        others = [one.actor for one in given if one.actor not in counting]
        return Answer(
            self.name,
            Verdict.WAIT,
            self._lacking(order.actor, counting, list(dict.fromkeys(others))),
            f"anybody but {order.actor} who may deploy to {environment}",
            f"horn approve {question.deploy_id or f'{app} {environment} {sha[:12]}'}",
        )

    def _lacking(self, actor: str, counting: list[str], others: list[str]) -> str:
        lacking = self._people - len(counting)
        reason = f"it wants {lacking} approval{'' if lacking == 1 else 's'} of others than {actor}"
        if counting:
            reason = f"approved by {', '.join(counting)}; {reason}"
        if others:
            reason = f"{reason}; what {', '.join(others)} approved was for other hosts"
        return reason

    async def _digest(self, question: Question) -> str:
        known, until = self._hosts
        if question.at >= until:
            known = await hosts_of(self._setting, question.order.selection)
            self._hosts = (known, question.at + _HOSTS_SECONDS)
        return known


async def hosts_of(setting: Setting, selection: Selection) -> str:
    """The digest of the hosts that a selection names now. Raises as `discover.choose`."""
    environment = setting.config.environment(setting.environment)
    found = await discover.choose(setting.config, environment, selection, setting.world.inventory)
    return digest(host.name for host in found)
