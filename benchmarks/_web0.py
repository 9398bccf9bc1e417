"""How quickly the service answers with 200 apps, 9,000 hosts, 50,000 past deploys and 50,000 commits.

    make bench-web
    make bench-web ARGS='--database postgresql://postgres@127.0.0.1:5432/big'   # an empty database

Every page is asked for again and again by one person, then 200 people listen to a deploy to 9,000 hosts
while pages are still asked for. The service is a process of its own, as `horn serve` makes it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import seed

from shiphorn.model.deploy import DeployState, HostRun, HostState, Order, Phase
from shiphorn.model.events import DeployFinished, PhaseStarted
from shiphorn.model.target import Host
from shiphorn.store.store import Store

COMMITS, BRANCHES, HOSTS = 50_000, 30, 9_000
PORT = 8480
URL = f"http://127.0.0.1:{PORT}"
APP = "billing-api"
PASSWORD = "correct horse battery"
PAGES = (
    "/",
    "/board?q=search",
    f"/apps/{APP}",
    f"/apps/{APP}/graph?start=0&count=100",
    f"/apps/{APP}/graph?start=40000&count=100",
    f"/apps/{APP}/ship?environment=production",
    "/deploys/{last}",
    "/fleet",
    "/fleet?q=search-web",
    "/history",
    "/history?state=failed",
    "/history/dora",
    "/settings/locks",
    "/settings/queue",
    "/settings/audit",
)
STEPS = (HostState.PROBED, HostState.STAGED, HostState.FLIPPED, HostState.RESTARTED, HostState.DONE)
HOSTS_A_STEP, STEP_SECONDS = 450, 0.5


def main() -> int:
    """Exit status: 0 when every page answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", default="", help="postgresql://..., empty; SQLite if left out")
    parser.add_argument("--requests", type=int, default=40, help="of each page")
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--apps", type=int, default=200)
    parser.add_argument("--deploys", type=int, default=50_000)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="horn-bench-web-") as folder:
        home = Path(folder)
        os.environ |= {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("STATE", "CACHE", "CONFIG")}
        os.environ["HORN_DATABASE"] = given.database
        prepare(home, given.apps, given.deploys)
        with served(home) as process:
            figures = asyncio.run(measure(process, given.requests, given.listeners))
    show(figures)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))
    return 0 if all(page["status"] == 200 for page in figures["pages"]) else 1


def prepare(home: Path, apps: int, deploys: int) -> None:
    """A repository, the apps' files, and the history."""
    make_repository(home / "repo.git")
    (home / "apps").mkdir()
    environments: dict[str, dict[str, Any]] = {}
    for place in seed.places(apps):
        regions: dict[str, Any] = {}
        for host in place.hosts:
            entry = {"name": host.name, "zone": host.zone, "roles": list(host.roles)}
            regions.setdefault(host.region, {"hosts": []})["hosts"].append(entry)
        environments.setdefault(place.app, {})[place.environment] = {"regions": regions}
    for app, mine in environments.items():
        config = {"app": app, "repo": "../repo.git", "deploy_to": "/srv/app", "environments": mine}
        (home / "apps" / f"{app}.yml").write_text(json.dumps(config))
    # Its hosts are nowhere: it is not to look whether they are behind.
    (home / "shiphorn.yml").write_text(json.dumps({"url": URL, "converge": 0}))
    with store() as opened:
        seed.fill(opened._database, apps, deploys, time.time())  # noqa: SLF001 - it is what is measured


def make_repository(path: Path) -> None:
    """50,000 commits on 30 branches that are merged now and then."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    importing = subprocess.Popen(
        ["git", "-C", str(path), "fast-import", "--quiet"], stdin=subprocess.PIPE, text=True
    )
    assert importing.stdin is not None
    begin = int(time.time()) - COMMITS * 600
    last: dict[str, int] = {}
    for number in range(1, COMMITS + 1):
        branch = "main" if number % 3 == 0 or number < 3 else f"feature/{number // 50 % BRANCHES}"
        merged = last.get(f"feature/{number // 50 % BRANCHES}") if number % 51 == 0 else None
        parent = last.get(branch) or last.get("main")
        lines = [f"commit refs/heads/{branch}", f"mark :{number}"]
        lines += [f"committer Ada <ada@example.com> {begin + number * 600} +0000"]
        subject = f"Change number {number}"
        lines += [f"data {len(subject)}", subject]
        lines += [f"from :{parent}"] if parent else []
        lines += [f"merge :{merged}"] if merged and merged != parent else []
        lines += [f"M 644 inline file{number % 500}", f"data {len(subject)}", subject, ""]
        importing.stdin.write("\n".join(lines) + "\n")
        last[branch] = number
    importing.stdin.close()
    if importing.wait() != 0:
        raise SystemExit("git fast-import failed")


@contextmanager
def store() -> Iterator[Store]:
    """The store that the service works on."""
    from shiphorn.wiring import open_store  # noqa: PLC0415

    with open_store() as opened:
        yield opened


@contextmanager
def served(home: Path) -> Iterator[subprocess.Popen[str]]:
    """The service, with ada as its admin."""
    horn = Path(sys.executable).with_name("horn")
    command = [horn, "serve", "--listen", f"127.0.0.1:{PORT}", "--config", home / "shiphorn.yml"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        code = next(found[1] for line in process.stdout if (found := re.search(r"code=(\S+)", line)))
        with httpx.Client(base_url=URL, timeout=120, transport=httpx.HTTPTransport(retries=20)) as client:
            form = {"code": code, "login": "ada", "name": "Ada", "password": PASSWORD}
            client.get("/set-up")
            client.post("/set-up", data=form | {"_csrf_token": client.cookies["horn_csrf"]})
        yield process
    finally:
        process.terminate()
        process.wait(60)


async def measure(process: subprocess.Popen[str], requests: int, listeners: int) -> dict[str, Any]:
    """All figures: of pages, of listening, of memory."""
    limits = httpx.Limits(max_connections=listeners + 10)
    async with httpx.AsyncClient(base_url=URL, timeout=120, limits=limits) as client:
        await client.get("/sign-in")
        form = {"login": "ada", "password": PASSWORD, "_csrf_token": client.cookies["horn_csrf"]}
        await client.post("/sign-in", data=form)
        with store() as opened:
            last = opened.history.newest()
        pages = [await page(client, path.replace("{last}", str(last)), requests) for path in PAGES]
        before = resident_mb(process.pid)
        live = await fan_out(client, listeners)
        return {
            "pages": pages,
            "live": live,
            "memory_mb": {"before": before, "after": resident_mb(process.pid)},
        }


async def page(client: httpx.AsyncClient, path: str, requests: int) -> dict[str, Any]:
    """Milliseconds that a page takes; the first request, which fills caches, apart."""
    took: list[float] = []
    status, size = 0, 0
    for _ in range(requests + 1):
        began = time.perf_counter()
        answer = await client.get(path)
        took.append((time.perf_counter() - began) * 1000)
        status, size = answer.status_code, len(answer.content)
    first, *rest = took
    cuts = statistics.quantiles(rest, n=20)
    return {"path": path, "status": status, "bytes": size, "first": first, "p50": cuts[9], "p95": cuts[18]}


async def fan_out(client: httpx.AsyncClient, listeners: int) -> dict[str, Any]:
    """Delays from when something happened to when each listener knew, while pages are asked for too."""
    from shiphorn.wiring import open_executor  # noqa: PLC0415

    with store() as opened, open_executor() as executor:
        deploy_id = begin(opened, executor.id)
        delays: list[float] = []
        pings: list[float] = []
        ready = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as group:
            for _ in range(listeners):
                group.create_task(listen(client, deploy_id, ready, delays))
            for _ in range(listeners):
                await ready.acquire()
            pinging = group.create_task(ping(client, pings))
            await asyncio.to_thread(go, opened, deploy_id)
            pinging.cancel()
    delay, lag = statistics.quantiles(delays, n=20), statistics.quantiles(pings, n=20)
    return {
        "listeners": listeners,
        "told": len(delays),
        "delay_ms": {"p50": delay[9], "p95": delay[18], "max": max(delays)},
        "page_meanwhile_ms": {"p50": lag[9], "p95": lag[18], "max": max(pings)},
    }


def begin(opened: Store, executor: str) -> int:
    """A deploy to 9,000 hosts that a living process works on: this one."""
    order = Order("fan-out", "production", actor="ada", ref="main")
    deploy_id = opened.deploys.open(order, ("apps/fan-out.yml", "app: fan-out"), executor, time.time()).id
    hosts = [
        Host(f"web{number}", f"web{number}", 22, seed.REGIONS[number % 3], f"zone-{number % 9}", ("web",))
        for number in range(HOSTS)
    ]
    opened.hosts.place(deploy_id, [HostRun(host, number) for number, host in enumerate(hosts)])
    return deploy_id


def go(opened: Store, deploy_id: int) -> None:
    """Let the hosts go through their states, and tell when."""
    runs = opened.hosts.of_deploy(deploy_id)
    for state in STEPS:
        for start in range(0, HOSTS, HOSTS_A_STEP):
            part = [
                replace(run, state=state, phase=Phase.STAGE) for run in runs[start : start + HOSTS_A_STEP]
            ]
            opened.hosts.save(deploy_id, part)
            opened.records.add_events([PhaseStarted(deploy_id, time.time(), Phase.STAGE)])
            time.sleep(STEP_SECONDS / len(STEPS))
    now = time.time()
    finished = DeployFinished(deploy_id, now, DeployState.SUCCEEDED, 1.0)
    opened.deploys.end(deploy_id, finished, state=DeployState.SUCCEEDED, finished_at=now)


async def listen(
    client: httpx.AsyncClient, deploy_id: int, ready: asyncio.Semaphore, delays: list[float]
) -> None:
    """Listen to a deploy to its end."""
    async with client.stream("GET", f"/deploys/{deploy_id}/live") as answer:
        answer.raise_for_status()
        first = True
        async for line in answer.aiter_lines():
            if not line.startswith("data:"):
                continue
            if first:
                ready.release()
                first = False
            now = time.time()
            update = json.loads(line.removeprefix("data:"))
            delays += [(now - event[1]["at"]) * 1000 for event in update.get("events", ())]
            if update.get("ended"):
                return


async def ping(client: httpx.AsyncClient, pings: list[float]) -> None:
    """Ask for a page that needs nothing, over and over: what it takes is the lag of the event loop."""
    while True:
        began = time.perf_counter()
        await client.get("/static/horn.svg")
        pings.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.05)


def resident_mb(pid: int) -> float:
    """The memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def show(figures: dict[str, Any]) -> None:
    """Print them."""
    print(f"{'page':<44}{'status':>7}{'kB':>8}{'first ms':>10}{'p50 ms':>9}{'p95 ms':>9}")
    for one in figures["pages"]:
        print(
            f"{one['path']:<44}{one['status']:>7}{one['bytes'] / 1000:>8.0f}{one['first']:>10.0f}"
            f"{one['p50']:>9.1f}{one['p95']:>9.1f}"
        )
    for name in ("live", "memory_mb"):
        print(name, json.dumps(figures[name]))


if __name__ == "__main__":
    sys.exit(main())
