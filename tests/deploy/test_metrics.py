"""Whole deploys whose waves are judged by metrics, of a real Prometheus and a real Graphite."""

import asyncio
import re
import time
from typing import Any

import pytest

from tests.deploy.conftest import Site
from tests.deploy.test_watch import note, outcomes
from tests.graphite import Graphite
from tests.prometheus import Prometheus

NAME = "error rate"


def judged(site: Site, *, kind: str, url: str, bake: str, **check: Any) -> None:
    """Have a first wave of two hosts judged by the error rate."""
    site.config["sources"] = {"main": {kind: url}}
    check = {"step": "200ms"} | check if kind == "prometheus" else check
    site.config["watch"] = [
        {"title": NAME, "shown_in": "percent", "interval": "500ms", "timeout": "20s", **check}
    ]
    site.config["environments"]["production"] |= {"waves": [2], "bake": bake}


def errors(site: Site, prometheus: Prometheus, new: float) -> None:
    """Hosts have few errors, and those that run the commit `two` as many as is said."""

    def values() -> dict[str, float]:
        return {
            name: new if page == "two" else 0.004 for name, page in zip(site.names, site.pages(), strict=True)
        }

    prometheus.exporter.values = values
    prometheus.until(lambda: prometheus.has(12, "5s"))


def canary(**check: Any) -> dict[str, Any]:
    return {"prometheus": 'error_rate{host=~"{hosts}"}', "compare": "control", **check}


async def feed(site: Site, graphite: Graphite, name: str) -> None:
    """Send a value a second: few errors, and many while hosts run the first commit."""
    while True:
        at = int(time.time())
        value = (0.05 if "one" in site.pages() else 0.004) * (1 + at * 5 % 7 / 50)
        _, to = await asyncio.open_connection("127.0.0.1", graphite.line_port)
        to.write(f"{name} {value} {at}\n".encode())
        await to.drain()
        to.close()
        await asyncio.sleep(0.5)


async def deployed(site: Site) -> None:
    """Put the first commit everywhere, unwatched, and make a second one."""
    assert (await site.deploy()).status == 0
    site.commit("two")


async def test_a_wave_that_is_worse_than_the_hosts_not_yet_switched_is_taken_back(
    site: Site, prometheus: Prometheus
) -> None:
    await deployed(site)
    errors(site, prometheus, 0.041)
    judged(site, kind="prometheus", url=prometheus.url, bake="4s", **canary())
    done = await site.deploy("--json")
    assert done.json["deploy"]["code"] == "SH610", done.out + done.err
    told = done.json["deploy"]["message"]
    assert re.fullmatch(
        r"it went wrong after the switch: error rate is (3\.9|4)[\d.]* % on 2 switched hosts, "
        r"0\.(3|4)\d* % on 4 others \(p [=<] 0\.\d+, \d+ and \d+ points\)\.",
        told,
    ), told
    assert done.json["deploy"]["state"] == "rolled_back"
    assert set(site.pages()) == {"one"}
    assert outcomes(site, 2) == {(NAME, "unclear", "unhealthy")}


async def test_a_wave_that_is_no_worse_goes_on_and_the_last_one_is_compared_with_before(
    site: Site, prometheus: Prometheus
) -> None:
    await deployed(site)
    errors(site, prometheus, 0.004)
    judged(site, kind="prometheus", url=prometheus.url, bake="2s", window="5s", **canary())
    done = await site.deploy()
    assert done.status == 0, done.out + done.err
    assert set(site.pages()) == {"two"}
    assert outcomes(site, 2) == {(NAME, "unclear", "healthy")}
    # Of two waves the first is told first.
    assert "error rate is 0." in note(site, 2)
    assert " % on 2 switched hosts, 0." in note(site, 2)
    assert " % on 4 others (p" in note(site, 2)
    assert " before the deploy (p" in done.out


async def test_a_source_that_is_down_says_nothing_and_a_person_is_asked(site: Site) -> None:
    judged(site, kind="prometheus", url="http://127.0.0.1:9", bake="500ms", **canary())
    deploying = await site.start("deploy", "production", "--yes", "--json")
    paused = await site.paused()
    assert paused["pause_reason"] == (
        "SH611 it cannot be told whether it went well: error rate SH446 prometheus at 127.0.0.1:9 "
        "connection refused."
    )
    assert (await site.horn("stop", "1")).status == 0
    done = await site.end(deploying)
    assert done.json["deploy"]["state"] == "rolled_back"


async def test_too_few_points_say_nothing(site: Site, prometheus: Prometheus) -> None:
    errors(site, prometheus, 0.004)
    judged(site, kind="prometheus", url=prometheus.url, bake="500ms", **canary(points=9000))
    deploying = await site.start("deploy", "production", "--yes", "--json")
    paused = await site.paused()
    assert paused["pause_reason"].startswith(
        "SH611 it cannot be told whether it went well: error rate has "
    ), paused
    assert paused["pause_reason"].endswith(" points on 2 switched hosts; 9000 are needed.")
    assert (await site.horn("continue", "1")).status == 0
    paused = await site.paused()
    assert (await site.horn("stop", "1")).status == 0
    await site.end(deploying)


async def test_each_host_may_be_judged_by_limits_of_its_own(site: Site, prometheus: Prometheus) -> None:
    await deployed(site)
    errors(site, prometheus, 0.041)
    judged(
        site,
        kind="prometheus",
        url=prometheus.url,
        bake="1s",
        prometheus='error_rate{host="{host}"}',
        max=0.02,
        window="1s",
        failures=1,
    )
    done = await site.deploy("--json")
    assert done.json["deploy"]["code"] == "SH610", done.out + done.err
    assert {host["state"] for host in done.json["hosts"]} >= {"reverted"}
    assert outcomes(site, 2) <= {(NAME, "pass", "unhealthy"), (NAME, "pass", "watching")}


async def test_what_was_beyond_its_limit_before_does_not_count(site: Site, prometheus: Prometheus) -> None:
    await deployed(site)
    errors(site, prometheus, 0.004)
    query = {"prometheus": 'avg(error_rate{host=~"{hosts}"})', "max": 0.001, "window": "1s"}
    judged(site, kind="prometheus", url=prometheus.url, bake="500ms", **query)
    done = await site.deploy()
    assert done.status == 0, done.out + done.err
    assert outcomes(site, 2) == {(NAME, "fail", "red_before")}


async def test_graphite_is_compared_with_what_it_had_before_the_deploy(
    site: Site, graphite: Graphite
) -> None:
    name, now = "sites.sample.production.errors", int(time.time())
    graphite.put(name, {now - at: 0.004 + at % 7 / 10_000 for at in range(1, 31)})
    judged(
        site,
        kind="graphite",
        url=graphite.url,
        bake="9s",
        graphite="sites.{app}.{environment}.errors",
        compare="baseline",
        window="25s",
        points=6,
    )
    feeding = asyncio.create_task(feed(site, graphite, name))
    done = await site.deploy("--json")
    assert done.json["deploy"]["code"] == "SH610", done.out + done.err
    feeding.cancel()
    assert " % before the deploy (p " in done.json["deploy"]["message"]


async def test_a_watch_that_was_cut_off_goes_on(site: Site, prometheus: Prometheus) -> None:
    await deployed(site)
    errors(site, prometheus, 0.004)
    judged(site, kind="prometheus", url=prometheus.url, bake="4s", window="3s", **canary(of="wave"))
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: outcomes(site, 2) == {(NAME, "unclear", "watching")})
    await site.kill(process)
    done = await site.horn("resume", "2")
    assert done.status == 0, done.out + done.err
    assert outcomes(site, 2) == {(NAME, "unclear", "healthy")}


async def test_a_token_goes_to_its_source_and_nowhere_else(site: Site, web: Any) -> None:
    web.body = '{"status": "success", "data": {"resultType": "matrix", "result": []}}'
    site.env["METRICS_TOKEN"] = "correct-horse-battery"
    judged(site, kind="prometheus", url=f"http://127.0.0.1:{web.port}", bake="1s", **canary())
    site.config["sources"]["main"]["token"] = {"secret": "TOKEN"}
    site.config["secrets"] = {"TOKEN": {"env": "METRICS_TOKEN"}}
    site.config["environments"]["production"]["pause_timeout"] = "1s"
    done = await site.deploy()
    assert "error rate has 0 points on 2 switched hosts; 10 are needed" in done.out, done.out
    assert {head["authorization"] for head in web.heads} == {"Bearer correct-horse-battery"}
    assert set(web.asked) == {"/api/v1/query_range"}
    assert "correct-horse" not in done.out + done.err
    for path in (site.folder / "state").rglob("*"):
        assert path.is_dir() or b"correct-horse" not in path.read_bytes()


@pytest.mark.parametrize("source", ["main", "elsewhere"])
async def test_a_plan_says_how_metrics_are_judged(site: Site, source: str) -> None:
    judged(site, kind="prometheus", url="http://127.0.0.1:9", bake="1m", **canary(source=source))
    done = await site.deploy("--plan")
    if source == "elsewhere":
        assert "there is no source elsewhere under sources; there are main" in done.err
        return
    assert (
        "error rate all switched hosts together, every 0.5 s; not higher than hosts not yet switched "
        "by more than 10%, at 0.99 confidence" in done.out
    )
