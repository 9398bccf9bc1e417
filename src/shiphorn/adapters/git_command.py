"""How git is called: its own program, which asks nobody anything."""

from __future__ import annotations

import os
from pathlib import Path

from shiphorn.adapters.programs import Ended, run


async def git(repository: Path, *arguments: str, limit: float = 120.0) -> Ended:
    """Run git in a repository. Raises TimeoutError after `limit` seconds."""
    return await run(["git", "-C", str(repository), *arguments], env=git_env(), timeout_seconds=limit)


def git_env() -> dict[str, str]:
    """The environment for git: no questions, no translations, nothing of an outer repository."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_DIR")}
    return env | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
    }
