"""Judge: whether enough hosts stand well for the deploy to go on."""

from __future__ import annotations

from collections.abc import Sequence

from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.deploy.problems import causes, summary
from shiphorn.errors import DeployFailed
from shiphorn.model.deploy import HostState, Phase
from shiphorn.model.settings import Moment

TOO_MANY = "SH602"
"""The code of the error that too many hosts went wrong after their flip."""
_AFTER = (HostState.BROKEN, HostState.UNKNOWN)


def require_enough(deployment: Deployment, phase: Phase) -> None:
    """Raise DeployFailed if too many hosts failed: SH601 before their flip, SH602 after it."""
    targets = list(deployment.targets.values())
    needed = deployment.limits.required(len(targets))
    failed, after = [target for target in targets if target.failed], gone_wrong(deployment)
    before = len(failed) - len(after)
    if len(targets) - before < needed or _lost_a_once_command(deployment):
        raise _failure(
            "SH601",
            f"{len(failed)} of {len(targets)} hosts failed in {phase}, {needed} must succeed",
            failed,
        )
    if len(after) > tolerated(deployment):
        raise _failure(TOO_MANY, f"{len(after)} of {len(targets)} hosts went wrong after the flip", after)


def gone_wrong(deployment: Deployment) -> list[Target]:
    """The hosts that failed after their flip, or at it."""
    return [target for target in deployment.targets.values() if target.run.state in _AFTER]


def tolerated(deployment: Deployment) -> int:
    """How many hosts may go wrong after their flip."""
    targets = deployment.targets.values()
    before = sum(target.failed for target in targets) - len(gone_wrong(deployment))
    allowed = deployment.limits.tolerated(len(targets), before)
    return max(allowed, deployment.record.accepted)


def _failure(code: str, told: str, targets: Sequence[Target]) -> DeployFailed:
    runs = [target.run for target in targets]
    return DeployFailed(
        code,
        f"{told}: {summary(runs)}.",
        hint=next((run.problem.hint for run in runs if run.problem and run.problem.hint), ""),
        facts=causes(runs),
    )


def _lost_a_once_command(deployment: Deployment) -> bool:
    """Whether the host that runs a `once` command (a migration, say) failed: nobody else ran it."""
    return any(
        command.once and target.failed and target.run.phase == Phase.STAGE
        for target in deployment.targets.values()
        for command in deployment.commands(target, Moment.STAGE)
    )
