"""What checks of metrics measured, on the page of a deploy."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from shiphorn.model.health import EVERY, Health, Outcome
from shiphorn.model.measures import Against, Measured
from tests.running_service import Site


def test_lines_of_switched_hosts_and_of_the_others_are_drawn_with_their_numbers(
    page: Page, site: Site
) -> None:
    number = site.ship("blog", "staging")
    deploy = site.until(number)
    times = [1000.0 + 10 * at for at in range(30)]
    control = Measured(
        Against.CONTROL,
        "percent",
        0.041,
        0.004,
        hosts=3,
        others=9,
        points=90,
        reference_points=270,
        p=0.0001,
        line=tuple((at, 0.004 + 0.0014 * i + 0.003 * (i % 3)) for i, at in enumerate(times)),
        reference_line=tuple((at, 0.004 + 0.0004 * (i % 4)) for i, at in enumerate(times)),
    )
    past = Measured(
        Against.BASELINE,
        "ms",
        212.0,
        208.0,
        points=30,
        reference_points=30,
        line=tuple((at, 212.0 + i % 5) for i, at in enumerate(times)),
        reference_line=tuple((at - 400, 208.0 + i % 7) for i, at in enumerate(times)),
    )
    limit = Measured(
        Against.LIMIT, value=14.2, maximum=20.0, line=tuple((at, 12.0 + i % 6) for i, at in enumerate(times))
    )
    told = "is 4.1 % on 3 switched hosts, 0.4 % on 9 others (p = 0.0001, 90 and 270 points)"
    seen_at = deploy.started_at + 1
    with site.store() as store:
        store.health.save(
            number,
            [
                Health(EVERY, 90, "error rate", outcome=Outcome.UNHEALTHY, message=told, seen_at=seen_at),
                Health(EVERY, 91, "response time", outcome=Outcome.HEALTHY, message="is well"),
                Health(
                    "web1.eu", 92, "open files", outcome=Outcome.INCONCLUSIVE, message="is 14.2 on web1.eu"
                ),
            ],
        )
        store.measured.save(number, [(EVERY, 90, control), (EVERY, 91, past), ("web1.eu", 92, limit)])
    page.goto(f"/deploys/{number}")
    charts = page.locator(".metric")
    expect(charts).to_have_count(3)
    expect(charts.first.locator("figcaption")).to_contain_text("error rate all switched hosts unhealthy")
    expect(charts.first.locator(".keys")).to_have_text("switched 4.1 % not switched 0.4 %")
    expect(charts.first.locator("polyline")).to_have_count(2)
    expect(charts.nth(1).locator(".keys")).to_have_text("switched 212 ms before the deploy 208 ms")
    expect(charts.nth(1).locator("line.split")).to_have_count(1)
    expect(charts.nth(2).locator(".keys")).to_have_text("switched 14.2 limit 20")
    expect(charts.nth(2).locator("line.limit")).to_have_count(1)
    expect(page.locator(".unwell")).to_contain_text(f"error rate unhealthy {told}")
    serious = Axe().run(page).response["violations"]
    assert [one["id"] for one in serious if one["impact"] in ("serious", "critical")] == []
