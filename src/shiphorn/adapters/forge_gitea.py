"""Gitea and Forgejo: commit statuses, by their API v1. There are no deployments: a status tells of each.

https://docs.gitea.com/api/, tag repository: GET and POST /repos/{owner}/{repo}/statuses/{sha}
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
    status,
    text,
    those,
)
from shiphorn.model.forge import OWN, Deployment, Forge, Progress
from shiphorn.model.statuses import BuildState, CommitStatus

PAGES = 10
_STATES = {
    "success": BuildState.SUCCESS,
    "skipped": BuildState.SUCCESS,
    "warning": BuildState.SUCCESS,
    "pending": BuildState.PENDING,
    "failure": BuildState.FAILURE,
    "error": BuildState.FAILURE,
}
_PROGRESS = {
    Progress.UNDER_WAY: "pending",
    Progress.DONE: "success",
    Progress.FAILED: "failure",
    Progress.STOPPED: "error",
}


class Gitea:
    """A forge as `ports.Forge` says."""

    def __init__(self, forge: Forge, token: Token) -> None:
        self._client = ForgeClient(forge, token, scheme="token")

    async def close(self) -> None:
        """As the port says."""
        await self._client.close()

    async def statuses(self, path: str, sha: str) -> Sequence[CommitStatus]:
        """As the port says. It keeps every word that was said: the last of each context counts."""
        found: list[dict[str, Any]] = []
        for page in range(1, PAGES + 1):
            query: dict[str, str | int] = {"sort": "recentupdate", "limit": PAGE, "page": page}
            some = objects(await self._client.get(_of_commit(path, sha), **query))
            found += some
            # A server may allow less than was asked for.
            if not some:
                break
        latest: dict[str, tuple[float, int, CommitStatus]] = {}
        for one in found:
            said, number = commit_status(one, sha), one.get("id")
            if said is not None and isinstance(number, int):
                entry = (said.at, number, said)
                latest[said.context] = max(latest.get(said.context, entry), entry, key=lambda each: each[:2])
        return those(one for _, _, one in latest.values())

    async def tell(self, path: str, deployment: Deployment, progress: Progress, remote: str) -> str:
        """As the port says."""
        state = _PROGRESS.get(progress)
        if state is None:
            return remote
        body = {
            "context": f"{OWN}{deployment.environment}",
            "state": state,
            "description": deployment.description,
            "target_url": deployment.url,
        }
        await self._client.put("POST", _of_commit(path, deployment.sha), body)
        return remote or deployment.sha


def commit_status(one: dict[str, Any], sha: str) -> CommitStatus | None:
    """A status, by `status` in the API and `state` in webhooks."""
    state = _STATES.get(text(one, "status") or text(one, "state"))
    if state is None:
        return None
    at = moment(one.get("updated_at") or one.get("created_at"), 0.0)
    found: CommitStatus | None = status(
        sha, one.get("context"), state, said=one.get("description"), url=one.get("target_url"), at=at
    )
    return found


def _of_commit(path: str, sha: str) -> str:
    return f"/repos/{quote(path)}/statuses/{sha}"
