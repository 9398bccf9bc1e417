"""Build: once for a commit and its commands, on the deployer; what was built before is used again."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from shiphorn.adapters.artifacts import recipe_digest
from shiphorn.adapters.builder import run_build
from shiphorn.deploy.deployment import Deployment
from shiphorn.engine.crashpoints import reach
from shiphorn.errors import SourceError
from shiphorn.model.events import BuildOutput
from shiphorn.model.release import Artifact, Packing


async def artifact(deployment: Deployment) -> str:
    """Have the artifact of the commit, built and packed."""
    kept = find(deployment)
    if kept is not None:
        return f"built before, {kept.in_words}"
    name = f"horn-build-{deployment.record.run}-"
    for left in Path(tempfile.gettempdir()).glob(f"{name}*"):
        # By a process of this deploy that died.
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=name, ignore_cleanup_errors=True) as folder:
        tree = Path(folder) / "tree"
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


async def _build(deployment: Deployment, tree: Path) -> None:
    order = deployment.record.order
    facts = {
        "HORN_APP": order.app,
        "HORN_ENVIRONMENT": order.environment,
        "HORN_RELEASE": deployment.record.release,
        "HORN_REVISION": deployment.record.sha,
    }

    def on_line(line: str) -> None:
        deployment.world.tell(BuildOutput(deployment.id, time.time(), line))

    try:
        printed = await run_build(deployment.environment.build, tree, os.environ | facts, on_line)
    except SourceError as error:
        deployment.keep_outputs("", error.facts.pop("outputs", ()))
        raise
    deployment.keep_outputs("", printed)


def _recipe(deployment: Deployment) -> str:
    config = deployment.config
    return recipe_digest(deployment.record.sha, config.repo_tree, deployment.environment.build)
