"""Build: once for a commit and its commands, on the deployer; what was built before is used again."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shiphorn.adapters.artifacts import recipe_digest
from shiphorn.adapters.builder import run_build
from shiphorn.deploy.deployment import Deployment
from shiphorn.engine.crashpoints import reach
from shiphorn.errors import ConfigError, SourceError
from shiphorn.model.events import BuildOutput
from shiphorn.model.release import Artifact, Packing

_PREFIX = "horn-build-"


async def artifact(deployment: Deployment) -> str:
    """Have the artifact of the commit, built and packed."""
    kept = find(deployment)
    if kept is not None:
        return f"built before, {kept.in_words}"
    with _work_folder() as folder:
        tree = folder / "tree"
        tree.mkdir()
        await deployment.source.export(deployment.record.sha, tree)
        reach("build:exported")
        await _build(deployment, tree)
        reach("build:built")
        made = await deployment.world.artifacts.pack(tree, _recipe(deployment))
    return made.in_words


def find(deployment: Deployment) -> Artifact | None:
    """The artifact, if it was built before."""
    return deployment.world.artifacts.find(_recipe(deployment))


async def packing(deployment: Deployment, tools: frozenset[str]) -> Packing:
    """The artifact as a host with these tools can unpack it. Raises SourceError SH212 if it is gone."""
    kept = find(deployment)
    if kept is None:
        raise SourceError(
            "SH212",
            f"the artifact of {deployment.record.sha[:8]} is no longer in the cache.",
            hint="Deploy again: it will be built anew.",
        )
    return await deployment.world.artifacts.packing(kept, "zstd" if "zstd" in tools else "gzip")


@contextmanager
def _work_folder() -> Iterator[Path]:
    """A folder for one build. Those of processes that died meanwhile are cleared away first.

    A lock on a file in it says that its process lives; the kernel lets go of it however one ends.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/lock"):
        with suppress(OSError), left.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name,
        (Path(name) / "new-lock").open("w") as file,
    ):
        fcntl.flock(file, fcntl.LOCK_EX)
        Path(name, "new-lock").rename(Path(name, "lock"))
        yield Path(name)


async def _build(deployment: Deployment, tree: Path) -> None:
    # No more than the artifact is known by: it is used again for other releases and environments.
    facts = {"HORN_APP": deployment.record.order.app, "HORN_REVISION": deployment.record.sha}

    def on_line(line: str) -> None:
        deployment.tell(BuildOutput(deployment.id, time.time(), deployment.redactor.text(line)))

    with suppress(ConfigError):
        # To know what must not show. That one is missing is for the probe to tell.
        await deployment.secrets()
    try:
        printed = await run_build(deployment.environment.build, tree, os.environ | facts, on_line)
    except SourceError as error:
        deployment.keep_outputs("", error.facts.pop("outputs", ()))
        raise
    deployment.keep_outputs("", printed)


def _recipe(deployment: Deployment) -> str:
    config = deployment.config
    return recipe_digest(deployment.record.sha, config.repo_tree, deployment.environment.build)
