"""GitLab: pipelines, statuses of commits and deployments, by its REST API v4.

https://docs.gitlab.com/api/commits/, .../api/pipelines/, .../api/deployments/
"""

from __future__ import annotations

from collections.abc import Sequence
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
from shiphorn.model.statuses import BuildState, CommitStatus

PIPELINE = "pipeline"
"""The context of what a pipeline as a whole came to; each of its jobs has its own name."""
PAGES = 5
_PENDING = ("created", "waiting_for_resource", "preparing", "pending", "running", "scheduled", "canceling")
_LEFT_OUT = ("manual", "skipped")
"""Jobs that wait for a person, or are not run: they say nothing of a commit."""
_PROGRESS = {
    Progress.UNDER_WAY: "running",
    Progress.DONE: "success",
    Progress.FAILED: "failed",
    Progress.STOPPED: "canceled",
}


class GitLab:
    """A forge as `ports.Forge` says."""

    def __init__(self, forge: Forge, token: Token) -> None:
        self._client = ForgeClient(forge, token)

    async def close(self) -> None:
        """As the port says."""
        await self._client.close()

    async def statuses(self, path: str, sha: str) -> Sequence[CommitStatus]:
        """As the port says."""
        base = _project(path)
        pipelines = objects(
            await self._client.get(f"{base}/pipelines", sha=sha, per_page=1, order_by="id", sort="desc")
        )
        jobs: list[dict[str, Any]] = []
        for number in range(1, PAGES + 1):
            some = objects(
                await self._client.get(
                    f"{base}/repository/commits/{sha}/statuses", per_page=PAGE, page=number
                )
            )
            jobs += some
            if len(some) < PAGE:
                break
        said = [pipeline(one, one.get("web_url")) for one in pipelines]
        return those([*said, *(job(one, sha, one.get("target_url")) for one in jobs)])

    async def tell(self, path: str, deployment: Deployment, progress: Progress, remote: str) -> str:
        """As the port says. GitLab sees by itself which deployment was replaced by a later one."""
        base = f"{_project(path)}/deployments"
        wanted = _PROGRESS.get(progress)
        if wanted is None:
            return remote
        if not remote:
            return await self._find(base, deployment, wanted) or await self._make(base, deployment, wanted)
        known = await self._client.get(f"{base}/{remote}")
        if text(known, "status") != wanted:
            await self._client.put("PUT", f"{base}/{remote}", {"status": wanted})
        return remote

    async def _find(self, base: str, deployment: Deployment, wanted: str) -> str:
        """The deployment that was made before the word of it was lost, if it was: it would be the last."""
        query: dict[str, str | int] = {
            "environment": deployment.environment,
            "order_by": "id",
            "sort": "desc",
            "per_page": 1,
        }
        last = objects(await self._client.get(base, **query))
        mine = last and last[0].get("sha") == deployment.sha and last[0].get("status") == "running"
        return str(last[0].get("id")) if mine and wanted == "running" and last else ""

    async def _make(self, base: str, deployment: Deployment, wanted: str) -> str:
        body = {
            "environment": deployment.environment,
            "sha": deployment.sha,
            "ref": deployment.ref,
            "tag": deployment.is_tag,
            "status": wanted,
        }
        number = part(await self._client.put("POST", base, body), "id")
        if not isinstance(number, int):
            raise self._client.strange("a deployment without an id")
        return str(number)


def pipeline(one: dict[str, Any], url: Any) -> CommitStatus | None:
    """A pipeline as a status."""
    said = f"pipeline {one.get('id')}: {text(one, 'status')}"
    return _status(one, one.get("sha"), PIPELINE, said, url)


def job(one: dict[str, Any], sha: str, url: Any) -> CommitStatus | None:
    """A job, or a status from outside, as a status; one that is allowed to fail is good then."""
    state = text(one, "status")
    said = text(one, "description") or state
    if state == "failed" and one.get("allow_failure") is True:
        return _status(one | {"status": "success"}, sha, one.get("name"), "failed, as it may", url)
    return _status(one, sha, one.get("name"), said, url)


def _status(one: dict[str, Any], sha: Any, context: Any, said: str, url: Any) -> CommitStatus | None:
    name = text(one, "status")
    if name in _LEFT_OUT or not name:
        return None
    state = BuildState.SUCCESS if name == "success" else BuildState.FAILURE
    if name in _PENDING:
        state = BuildState.PENDING
    times = ("finished_at", "updated_at", "started_at", "created_at")
    at = moment(next((one[key] for key in times if one.get(key)), None), 0.0)
    found: CommitStatus | None = status(sha, context, state, said=said, url=url, at=at)
    return found


def _project(path: str) -> str:
    return f"/projects/{quote(path, safe='')}"
