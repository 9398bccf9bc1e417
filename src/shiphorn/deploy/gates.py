"""Gates: what must be true of a commit and its environment before it may go out.

The place is named; no gate stands here yet. Tests passed, branch up to date, freeze windows and
approvals come as values of one protocol, each with its refusal: which gate, why, who can clear it.
"""

from __future__ import annotations

from shiphorn.deploy.deployment import Deployment


async def pass_all(_deployment: Deployment) -> str:
    """Ask every gate."""
    return "none set"
