"""The DORA figures as Prometheus gets them: worked out ahead, by environment, and only for who may see it."""

from __future__ import annotations

import asyncio
import time

from prometheus_client.parser import text_string_to_metric_families

from shiphorn.model.deploy import DeployState
from shiphorn.model.locks import Scope
from shiphorn.service.history.figures import of_all
from shiphorn.web.metrics import Metrics, sees_all
from tests.api_service import Offline
from tests.service.past import BLOG, SHOP, deploy

HOUR = 3600.0


def dora(text: bytes) -> dict[tuple[str, str], float]:
    return {
        (one.name.removeprefix("shiphorn_dora_"), one.labels["app"]): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
        if one.name.startswith("shiphorn_dora_")
    }


async def test_figures_are_worked_out_for_who_asks_and_nobody_waits(api: Offline) -> None:
    service, now = api.service, time.time()
    metrics = Metrics(service.store, service.apps, {}, service.figures)
    for ago in (5 * HOUR, HOUR):
        deploy(service.store, SHOP, now - ago, flip_at=now - ago + 1)
    failed_at = now - 2 * HOUR
    deploy(service.store, SHOP, failed_at, state=DeployState.FAILED, flip_at=failed_at + 1)
    deploy(service.store, BLOG, now - HOUR, flip_at=now - HOUR + 1)
    asked: list[float] = []

    async def worked_out() -> object:
        asked.append(time.time())
        return await of_all(service.dora, service.world, service.apps)

    work = asyncio.create_task(service.figures.work(worked_out))  # type: ignore[arg-type]
    try:
        await asyncio.sleep(0)
        assert asked == []
        assert dora(metrics.text("", sees_all)[0]) == {}
        async with asyncio.timeout(20):
            while not service.figures.get():
                await asyncio.sleep(0.01)
        found = dora(metrics.text("", sees_all)[0])
        assert found["deploys_per_day", "shop"] == 2 / 30
        assert found["change_failure_ratio", "shop"] == 1 / 3
        assert found["time_to_restore_seconds", "shop"] == HOUR
        assert found["deploys_per_day", "blog"] == 1 / 30
        assert ("lead_time_seconds", "blog") not in found
        only_blog = dora(metrics.text("", lambda scope: scope == Scope(*BLOG))[0])
        assert {app for _, app in only_blog} == {"blog"}
        assert len(asked) == 1
    finally:
        work.cancel()
