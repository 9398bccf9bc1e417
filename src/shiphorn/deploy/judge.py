"""Judge: whether enough hosts stand well for the deploy to go on."""

from __future__ import annotations

from shiphorn.deploy.deployment import Deployment
from shiphorn.deploy.problems import by_cause, summary
from shiphorn.errors import DeployFailed
from shiphorn.model.deploy import Phase
from shiphorn.model.settings import Moment


def require_enough(deployment: Deployment, phase: Phase) -> None:
    """Raise DeployFailed SH601 if fewer hosts than required got through a phase before the flip."""
    targets = list(deployment.targets.values())
    going, needed = len(deployment.going()), deployment.environment.limits.required(len(targets))
    if going >= needed and not _lost_a_once_command(deployment):
        return
    failed = [target.run for target in targets if target.failed]
    raise DeployFailed(
        "SH601",
        f"{len(failed)} of {len(targets)} hosts failed in {phase}, {needed} must succeed: {summary(failed)}.",
        hint=next((run.problem.hint for run in failed if run.problem and run.problem.hint), ""),
        facts={
            "causes": {cause: [run.host.name for run in runs] for cause, runs in by_cause(failed).items()}
        },
    )


def _lost_a_once_command(deployment: Deployment) -> bool:
    """Whether the host that runs a `once` command (a migration, say) failed: nobody else ran it."""
    return any(
        command.once and target.failed and target.run.phase == Phase.STAGE
        for target in deployment.targets.values()
        for command in deployment.commands(target, Moment.STAGE)
    )
