"""GitHub, and GitHub Enterprise: commit statuses, check runs and deployments by its REST API (2022-11-28).

https://docs.github.com/en/rest/commits/statuses, .../checks/runs, .../deployments/deployments
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from shiphorn.adapters.forge_http import (
    PAGE,
    ForgeClient,
    Token,
    moment,
    objects,
    part,
    status,
    text,
    those,
)
from shiphorn.model.forge import Deployment, Forge, Progress
from shiphorn.model.statuses import WORST_FIRST, BuildState, CommitStatus

DESCRIPTION_CHARACTERS = 140
PAGES = 5
_STATES = {
    "success": BuildState.SUCCESS,
    "pending": BuildState.PENDING,
    "failure": BuildState.FAILURE,
    "error": BuildState.FAILURE,
}
_GREEN = ("success", "neutral", "skipped")
_PROGRESS = {
    Progress.UNDER_WAY: "in_progress",
    Progress.DONE: "success",
    Progress.FAILED: "failure",
    Progress.STOPPED: "error",
    Progress.REPLACED: "inactive",
}


class GitHub:
    """A forge as `ports.Forge` says."""

    def __init__(self, forge: Forge, token: Token) -> None:
        self._client = ForgeClient(forge, token)

    async def close(self) -> None:
        """As the port says."""
        await self._client.close()

    async def statuses(self, path: str, sha: str) -> Sequence[CommitStatus]:
        """As the port says."""
        at = f"/repos/{quote(path)}/commits/{sha}"
        said = await self._pages(f"{at}/status", "statuses")
        runs = await self._pages(f"{at}/check-runs", "check_runs")
        return those([*(commit_status(one, sha) for one in said), *together(map(check_run, runs))])

    async def tell(self, path: str, deployment: Deployment, progress: Progress, remote: str) -> str:
        """As the port says."""
        base = f"/repos/{quote(path)}/deployments"
        if not remote:
            remote = await self._find(base, deployment) or await self._make(base, deployment)
        last = objects(await self._client.get(f"{base}/{remote}/statuses", per_page=1))
        if not last or last[0].get("state") != _PROGRESS[progress]:
            await self._client.put("POST", f"{base}/{remote}/statuses", _status(deployment, progress))
        return remote

    async def _find(self, base: str, deployment: Deployment) -> str:
        """The deployment that was made before the word of it was lost, if it was."""
        query: dict[str, str | int] = {
            "sha": deployment.sha,
            "environment": deployment.environment,
            "per_page": PAGE,
        }
        for one in objects(await self._client.get(base, **query)):
            if part(one, "payload", "shiphorn") == deployment.run:
                return str(one.get("id"))
        return ""

    async def _make(self, base: str, deployment: Deployment) -> str:
        body = {
            "ref": deployment.sha,
            "environment": deployment.environment,
            "description": deployment.description[:DESCRIPTION_CHARACTERS],
            "auto_merge": False,
            "required_contexts": [],
            "payload": {"shiphorn": deployment.run},
            "production_environment": deployment.production,
            **({"transient_environment": True} if deployment.visit else {}),
        }
        made = await self._client.put("POST", base, body)
        number = part(made, "id")
        if not isinstance(number, int):
            raise self._client.strange("a deployment without an id")
        return str(number)

    async def _pages(self, path: str, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number in range(1, PAGES + 1):
            answer = await self._client.get(path, per_page=PAGE, page=number)
            if not isinstance(answer, dict):
                raise self._client.strange(f"no {name}")
            some = objects(answer.get(name))
            found += some
            if len(some) < PAGE:
                break
        return found


def commit_status(one: dict[str, Any], sha: str) -> CommitStatus | None:
    """A commit status, as the API and webhooks have it."""
    state = _STATES.get(text(one, "state"))
    if state is None:
        return None
    at = moment(one.get("updated_at") or one.get("created_at"), 0.0)
    found: CommitStatus | None = status(
        sha, one.get("context"), state, said=one.get("description"), url=one.get("target_url"), at=at
    )
    return found


def check_run(one: dict[str, Any]) -> CommitStatus | None:
    """A check run as a status: what is not over is pending; neutral and skipped are good."""
    state, at = BuildState.PENDING, moment(one.get("started_at"), 0.0)
    conclusion = text(one, "conclusion")
    if text(one, "status") == "completed":
        state = BuildState.SUCCESS if conclusion in _GREEN else BuildState.FAILURE
        at = moment(one.get("completed_at"), at)
    said = text(one, "output", "title") or (conclusion or text(one, "status")).replace("_", " ")
    url = one.get("html_url") or one.get("details_url")
    found: CommitStatus | None = status(
        one.get("head_sha"), one.get("name"), state, said=said, url=url, at=at
    )
    return found


def together(found: Iterable[CommitStatus | None]) -> list[CommitStatus]:
    """Check runs of the same name, of several workflows, as one: the worst, and as late as the last."""
    kept: dict[str, CommitStatus] = {}
    for one in found:
        if one is None:
            continue
        other = kept.get(one.context)
        if other is None:
            kept[one.context] = one
            continue
        worst = min(one, other, key=lambda each: WORST_FIRST.index(each.state))
        kept[one.context] = CommitStatus(
            worst.sha,
            "",
            "",
            worst.context,
            worst.state,
            worst.description,
            worst.url,
            max(one.at, other.at),
        )
    return list(kept.values())


def _status(deployment: Deployment, progress: Progress) -> dict[str, Any]:
    body: dict[str, Any] = {
        "state": _PROGRESS[progress],
        "environment": deployment.environment,
        "description": deployment.description[:DESCRIPTION_CHARACTERS],
        # It knows of no production environments: those that are replaced are told one by one.
        "auto_inactive": False,
    }
    if deployment.url:
        body["log_url"] = deployment.url
    if deployment.visit:
        body["environment_url"] = deployment.visit
    return body
