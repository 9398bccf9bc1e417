"""How quickly the service answers with 200 apps, 9,000 hosts, 50,000 past deploys and 50,000 commits.

    make bench-web
    make bench-web ARGS='--database postgresql://postgres@127.0.0.1:5432/big'   # an empty database

Every page is asked for again and again by one person, then 200 people listen to a deploy to 9,000 hosts
while pages are still asked for. The service is a process of its own, as `horn serve` makes it; the hosts of
that deploy change their states on record, none of them is connected to. docs/benchmarks.md has the results.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import seed

from shiphorn.model.deploy import DeployState, HostRun, HostState, Order, Phase
from shiphorn.model.events import DeployFinished, PhaseStarted
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.model.target import Host
from shiphorn.store.store import Store

COMMITS, BRANCHES, HOSTS = 50_000, 30, 9_000
PORT = 8499
APP = "billing-api"
PASSWORD = "correct horse battery"
PAGES = (
    "/",
    "/board?q=search",
    f"/apps/{APP}",
    f"/apps/{APP}/graph?start=0&count=100",
    f"/apps/{APP}/graph?start=40000&count=100",
    f"/apps/{APP}/graph/find?q=number+4444",
    f"/apps/{APP}/commits/{{commit}}?environment=production",
    f"/apps/{APP}/ship?environment=production",
    "/deploys/{last}",
    "/fleet",
    "/fleet?q=search-web",
    f"/fleet/hosts/{APP}-production-01.us.example.net",
    "/history",
    "/history?state=failed",
    "/history/dora",
    "/settings/locks",
    "/settings/queue",
    "/settings/audit",
    "/settings/apps",
    "/api/v1/apps",
    "/api/v1/board",
    "/api/v1/deploys?limit=50",
    "/metrics",
)
LARGE = (
    "/deploys/{large}",
    "/deploys/{large}/parts",
    "/deploys/{large}/layout",
    "/deploys/{large}/hosts/web4711",
)
"""Pages of the deploy to 9,000 hosts."""
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
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="horn-bench-web-") as folder:
        home = Path(folder)
        os.environ |= {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("STATE", "CACHE", "CONFIG")}
        os.environ["HORN_DATABASE"] = given.database
        prepare(home, given.apps, given.deploys)
        with served(home, given.port) as (service, seconds):
            figures = asyncio.run(measure(service, given.requests, given.listeners))
    figures["start_seconds"] = seconds
    figures["load"] = os.getloadavg()
    show(figures)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))
    return 0 if all(page["status"] == 200 for page in figures["pages"]) else 1


def prepare(home: Path, apps: int, deploys: int) -> None:
    """A repository that all apps share, the apps' files, and the history."""
    commits = make_repository(home / "repo.git")
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
    (home / "shiphorn.yml").write_text(json.dumps({"converge": 0}))
    with store() as opened:
        seed.fill(opened._database, apps, deploys, time.time(), commits)  # noqa: SLF001 - it is what is measured


def make_repository(path: Path) -> list[str]:
    """50,000 commits on 30 branches that are merged now and then: those of main, oldest first."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    importing = subprocess.Popen(
        ["git", "-C", str(path), "fast-import", "--quiet", f"--active-branches={BRANCHES + 1}"],
        stdin=subprocess.PIPE,
        text=True,
    )
    assert importing.stdin is not None
    apart = seed.DAYS * 86400 // COMMITS
    begin = int(time.time()) - COMMITS * apart
    last: dict[str, int] = {}
    for number in range(1, COMMITS + 1):
        branch = "main" if number % 3 == 0 or number < 3 else f"feature/{number // 50 % BRANCHES}"
        merged = last.get(f"feature/{number // 50 % BRANCHES}") if number % 51 == 0 else None
        parent = last.get(branch) or last.get("main")
        lines = [f"commit refs/heads/{branch}", f"mark :{number}"]
        lines += [f"committer Ada <ada@example.com> {begin + number * apart} +0000"]
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
    listed = ["git", "-C", str(path), "rev-list", "--reverse", "--date-order", "main"]
    return subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()


@contextmanager
def store() -> Iterator[Store]:
    """The store that the service works on."""
    from shiphorn.wiring import open_store  # noqa: PLC0415

    with open_store() as opened:
        yield opened


@dataclass(frozen=True)
class Service:
    """The service under test, and the cookies and token of ada, its admin."""

    process: subprocess.Popen[str]
    port: int
    cookies: dict[str, str]
    token: str

    def client(self) -> httpx.AsyncClient:
        """A browser of ada's, which may use the API as well."""
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(base_url=url(self.port), timeout=120, cookies=self.cookies, headers=headers)

    def cpu_seconds(self) -> float:
        """What the process and the programs that it ran have used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Its memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6


def url(port: int) -> str:
    """Where the service is."""
    return f"http://127.0.0.1:{port}"


@contextmanager
def served(home: Path, port: int) -> Iterator[tuple[Service, float]]:
    """The service, with ada as its admin, and the seconds until it answered."""
    horn = Path(sys.executable).with_name("horn")
    command = [horn, "serve", "--listen", f"127.0.0.1:{port}", "--config", home / "shiphorn.yml"]
    began = time.perf_counter()
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        code = next(found[1] for line in process.stdout if (found := re.search(r"code=(\S+)", line)))
        wait_until_it_answers(port)
        seconds = time.perf_counter() - began
        with httpx.Client(base_url=url(port), timeout=120) as client:
            form = {"code": code, "login": "ada", "name": "Ada", "password": PASSWORD}
            client.get("/set-up")
            client.post("/set-up", data=form | {"_csrf_token": client.cookies["horn_csrf"]})
            yield Service(process, port, dict(client.cookies), token()), seconds
    finally:
        process.terminate()
        process.wait(60)


def wait_until_it_answers(port: int) -> None:
    """Until it accepts connections: it says what the code is a moment before."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return


def token() -> str:
    """A token of ada's for the API."""
    from shiphorn.service.people import people  # noqa: PLC0415

    with store() as opened:
        ada = opened.people.by_login("ada")
        assert ada is not None
        caller = Caller(ada.login, "web", grants=ada.grants, person_id=ada.id)
        return people.make_token(opened, caller, "bench", Grant(Role.VIEWER), time.time())[0]


async def measure(service: Service, requests: int, listeners: int) -> dict[str, Any]:
    """All figures: of pages, of listening, of memory."""
    with store() as opened:
        row = opened.history.standings([(APP, "production")]).last[APP, "production"]
        known = {"last": str(opened.history.newest()), "commit": row.sha}
    async with service.client() as client:
        began = time.perf_counter()
        (await client.get(f"/apps/{APP}/graph")).raise_for_status()
        mirrored = time.perf_counter() - began
        pages = [await page(service, client, path, known, requests) for path in PAGES]
        before = service.resident_mb()
        large, live = await fan_out(service, client, listeners)
        known["large"] = str(large)
        pages += [await page(service, client, path, known, requests) for path in LARGE]
    return {
        "pages": pages,
        "live": live,
        "memory_mb": {"before": before, "after": service.resident_mb()},
        "first_fetch_seconds": mirrored,
    }


async def page(
    service: Service, client: httpx.AsyncClient, path: str, known: dict[str, str], requests: int
) -> dict[str, Any]:
    """Milliseconds that a page takes, and of the processor; the first request, which fills caches, apart."""
    took: list[float] = []
    status, size, cpu = 0, 0, 0.0
    for number in range(requests + 1):
        if number == 1:
            cpu = service.cpu_seconds()
        began = time.perf_counter()
        answer = await client.get(path.format(**known))
        took.append((time.perf_counter() - began) * 1000)
        status, size = answer.status_code, len(answer.content)
    cpu = (service.cpu_seconds() - cpu) * 1000 / requests
    first, *rest = took
    cuts = statistics.quantiles(rest, n=20)
    return {
        "path": path,
        "status": status,
        "bytes": size,
        "first": first,
        "p50": cuts[9],
        "p95": cuts[18],
        "cpu": cpu,
    }


async def fan_out(service: Service, client: httpx.AsyncClient, listeners: int) -> tuple[int, dict[str, Any]]:
    """The deploy, and delays from when something happened to when each listener knew.

    Meanwhile a page that needs nothing is asked for too: what it takes is the lag of the event loop.
    """
    from shiphorn.wiring import open_executor  # noqa: PLC0415

    with store() as opened, open_executor() as executor:
        deploy_id = begin(opened, executor.id)
        delays: list[float] = []
        pings: list[float] = []
        ready = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as group:
            for _ in range(listeners):
                group.create_task(listen(service, deploy_id, ready, delays))
            for _ in range(listeners):
                await ready.acquire()
            pinging = group.create_task(ping(client, pings))
            cpu, began = service.cpu_seconds(), time.perf_counter()
            await asyncio.to_thread(go, opened, deploy_id)
            cpu, seconds = service.cpu_seconds() - cpu, time.perf_counter() - began
            pinging.cancel()
    delay, lag = statistics.quantiles(delays, n=20), statistics.quantiles(pings, n=20)
    return deploy_id, {
        "listeners": listeners,
        "told": len(delays),
        "delay_ms": {"p50": delay[9], "p95": delay[18], "max": max(delays)},
        "page_meanwhile_ms": {"p50": lag[9], "p95": lag[18], "max": max(pings)},
        "cpu_share": cpu / seconds,
        "worst_lag_ms": await worst_lag_ms(client),
    }


async def worst_lag_ms(client: httpx.AsyncClient) -> float:
    """What the service says of the event loop of its pages, of the last half minute."""
    text = (await client.get("/metrics")).text
    found = re.search(r'^shiphorn_event_loop_lag_seconds\{loop="pages"\} (\S+)$', text, re.MULTILINE)
    assert found is not None
    return float(found[1]) * 1000


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


async def listen(service: Service, deploy_id: int, ready: asyncio.Semaphore, delays: list[float]) -> None:
    """Listen to a deploy to its end, with as little work as can be: 200 do so in this process."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=4_000_000)
    cookies = "; ".join(f"{name}={value}" for name, value in service.cookies.items())
    asked = f"GET /deploys/{deploy_id}/live HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {cookies}\r\n\r\n"
    writer.write(asked.encode())
    assert b" 200 " in await reader.readline()
    first, ended = True, False
    while not ended:
        line = await reader.readline()
        assert line, "the stream broke off"
        if line.startswith(b"data: {"):
            now = time.time()
            moments, ended = told(line)
            delays += [(now - at) * 1000 for at in moments]
            if first:
                ready.release()
                first = False
    writer.close()


@functools.lru_cache(16)
def told(line: bytes) -> tuple[tuple[float, ...], bool]:
    """When the events of an update happened, and whether it is the last one."""
    update = json.loads(line.removeprefix(b"data: "))
    return tuple(event[1]["at"] for event in update.get("events", ())), update.get("ended", False)


async def ping(client: httpx.AsyncClient, pings: list[float]) -> None:
    """Ask for a page that needs nothing, over and over."""
    while True:
        began = time.perf_counter()
        await client.get("/static/horn.svg")
        pings.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.05)


def show(figures: dict[str, Any]) -> None:
    """Print them."""
    print(f"{'page':<52}{'status':>7}{'kB':>8}{'first ms':>10}{'p50 ms':>9}{'p95 ms':>9}{'cpu ms':>9}")
    for one in figures["pages"]:
        print(
            f"{one['path']:<52}{one['status']:>7}{one['bytes'] / 1000:>8.0f}{one['first']:>10.0f}"
            f"{one['p50']:>9.1f}{one['p95']:>9.1f}{one['cpu']:>9.1f}"
        )
    for name in ("live", "memory_mb", "start_seconds", "first_fetch_seconds", "load"):
        print(name, json.dumps(figures[name]))


if __name__ == "__main__":
    sys.exit(main())
