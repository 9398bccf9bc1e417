"""Looks: one try of the checks of a host, by the deployer or by the host itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.deploy.metrics import Metrics
from shiphorn.errors import ShiphornError
from shiphorn.model.health import Check, Tried, Verdict
from shiphorn.remote import checks as remote

ANSWER_SECONDS = 20.0
"""What a host gets beyond the limits of its checks: one that hangs must not hold up the whole watch."""


def checks_of(deployment: Deployment, target: Target) -> tuple[Check, ...]:
    """What is watched on a host."""
    return deployment.config.checks(deployment.environment.name, target.host)


async def all_of(
    deployment: Deployment,
    target: Target,
    checks: Sequence[Check],
    runs: tuple[str, str],
    metrics: Metrics | None = None,
    at: float = 0.0,
) -> list[Tried]:
    """Try checks of one host, those that it makes itself in one exchange. Never raises for what it meets.

    `runs` is the release and the commit that the host runs, as its commands are told. Checks of metrics
    are for the `metrics` of a watch, which are asked how they stand `at` a moment.
    """
    on_host = [check for check in checks if check.on_host]
    asked: list[Coroutine[Any, Any, list[Tried]]] = [
        _guarded([check], _from_here(deployment, target, check, metrics, at))
        for check in checks
        if not check.on_host
    ]
    if on_host:
        asked.append(_guarded(on_host, _from_there(deployment, target, on_host, runs)))
    found = [tried for part in await asyncio.gather(*asked) for tried in part]
    order = [check.position for check in checks if not check.on_host]
    order += [check.position for check in on_host]
    by_position = dict(zip(order, found, strict=True))
    return [_clean(deployment, by_position[check.position]) for check in checks]


async def _from_here(
    deployment: Deployment, target: Target, check: Check, metrics: Metrics | None, at: float
) -> list[Tried]:
    if check.metric is not None and metrics is not None:
        return [await metrics.look(target, check, check.metric, at)]
    return [await deployment.world.checker(check.kind).attempt(check)]


async def _from_there(
    deployment: Deployment, target: Target, checks: Sequence[Check], runs: tuple[str, str]
) -> list[Tried]:
    release, revision = runs
    plan = replace(await deployment.plan(target), release=release, revision=revision)
    shell = await deployment.shell(target)
    patience = remote.patience(checks) + min(deployment.timeout_seconds, ANSWER_SECONDS)
    reply = await shell.run(remote.look(plan, checks), timeout_seconds=patience)
    return remote.tried(reply, checks)


async def _guarded(checks: Sequence[Check], work: Coroutine[Any, Any, list[Tried]]) -> list[Tried]:
    """A look that cannot be made says nothing about the application."""
    try:
        return await work
    except ShiphornError as error:
        found = Tried(
            Verdict.UNCLEAR, f"{error.code} {error.message}", cause=str(error.facts.get("group", error.code))
        )
    except Exception as error:  # noqa: BLE001 - a defect met by one host is never the end of the others
        found = Tried(Verdict.UNCLEAR, f"SH498 {type(error).__name__}: {error}", cause="SH498")
    return [found for _ in checks]


def _clean(deployment: Deployment, tried: Tried) -> Tried:
    redact = deployment.redactor.text
    return replace(tried, message=redact(tried.message), cause=redact(tried.cause))
