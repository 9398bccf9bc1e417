"""Which apps a forge has the repositories of, and its pages about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.config.forges import well_known
from shiphorn.config.load import Config
from shiphorn.config.service import ServiceConfig
from shiphorn.model.forge import OWN, Forge
from shiphorn.model.statuses import CommitStatus, repository_key
from shiphorn.service.apps import Apps


def of_forge(apps: Apps, forge: Forge) -> dict[str, list[Config]]:
    """The repositories that a forge may speak for, by `repository_key`, with the apps of each."""
    found: dict[str, list[Config]] = {}
    for name in apps.names():
        config = apps.config(name)
        key = repository_key(config.repo)
        if forge.path_of(key):
            found.setdefault(key, []).append(config)
    return found


def keys_of(apps: Apps, forge: Forge, path: str) -> list[str]:
    """The keys of the apps' repository that a forge calls `path`; none where no app has it."""
    return [key for key in of_forge(apps, forge) if forge.path_of(key).lower() == path.lower()]


def named(statuses: Sequence[CommitStatus], forge: str, repository: str) -> list[CommitStatus]:
    """What a forge said, with its name and the repository; but for what it says of our own deploys."""
    return [
        CommitStatus(one.sha, repository, forge, one.context, one.state, one.description, one.url, one.at)
        for one in statuses
        if not one.context.startswith(OWN)
    ]


def commit_url(config: ServiceConfig, repo: str, sha: str) -> str:
    """The page of a commit at the forge of its repository; "" where there is none."""
    forge, path = _home(config, repo)
    return forge.commit_url(path, sha) if forge is not None and sha else ""


def compare_url(config: ServiceConfig, repo: str, old: str, new: str) -> str:
    """The page of what came between two commits; "" where there is none."""
    forge, path = _home(config, repo)
    return forge.compare_url(path, old, new) if forge is not None and old and new and old != new else ""


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages of a commit at its forge: its own, and of what came since another one; "" for none."""

    commit: str
    comparison: str


def pages(config: ServiceConfig, repo: str, sha: str, since: str) -> Pages:
    """The pages of a commit of a repository."""
    return Pages(commit_url(config, repo, sha), compare_url(config, repo, since, sha))


def _home(config: ServiceConfig, repo: str) -> tuple[Forge | None, str]:
    key = repository_key(repo)
    for forge in (*config.forges, *well_known()):
        if forge.kind.has_repositories and (path := forge.path_of(key)):
            return forge, path
    return None, ""
