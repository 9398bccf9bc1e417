"""Watch: the health of the hosts after the flip, for a while.

The place is named; nothing is watched yet. What is found unhealthy here will roll the deploy back.
"""

from __future__ import annotations

from shiphorn.deploy.deployment import Deployment


async def after_rollback(_deployment: Deployment) -> str:
    """Watch the hosts that were switched back."""
    return "nothing to watch"


async def health(_deployment: Deployment) -> str:
    """Watch the hosts for their bake time."""
    return "nothing to watch"
