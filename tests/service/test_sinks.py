"""Metrics of deploys: taken by a real Graphite and a real StatsD, and late rather than never."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shiphorn.adapters.metrics_lines import send_datagrams, send_stream
from shiphorn.adapters.webhook import Sender
from shiphorn.model.deploy import DeployState, HostRun, HostState
from shiphorn.model.events import DeployFinished, Event, Flipped, PhaseFinished, PhaseStarted
from shiphorn.model.target import Host
from shiphorn.service.apps import Apps
from shiphorn.service.history.dora import Figures
from shiphorn.service.history.figures import KeptFigures
from shiphorn.service.operations.numbers import taken
from shiphorn.service.telling.following import pause
from shiphorn.service.telling.measuring import dora_values, standing_points
from shiphorn.service.telling.sinks import Reporter
from shiphorn.store.store import Store
from tests.graphite import Graphite
from tests.service.past import SHOP, deploy
from tests.statsd import Statsd

SHA = "6957bb87" + "0" * 32
NOW = time.time()


class Desk:
    """A reporter of a service with this `metrics` in its file."""

    def __init__(self, store: Store, folder: Path, metrics: dict[str, Any]) -> None:
        self._store = store
        text = {
            "url": "https://deploy.example.com",
            "secrets": {"GRAFANA": {"env": "GRAFANA_TOKEN"}},
            "metrics": metrics,
        }
        (folder / "shiphorn.yml").write_text(json.dumps(text))
        self.reporter = Reporter(store, Apps(folder / "shiphorn.yml"), KeptFigures())

    async def look(self, *, anew: bool = False) -> None:
        """Look once; at what was refused, too, when it is to be tried `anew`."""
        if anew:
            for name in self._store.notified.listed():
                self._store.notified.free(name, 0.0)
        sender = Sender()
        await self.reporter.look(sender)
        await sender.close()

    def standing(self, name: str) -> Any:
        return self._store.notified.listed()[f"metrics:{name}"]


def begin(store: Store, place: tuple[str, str] = SHOP, at: float = NOW - 60, **values: Any) -> int:
    number = deploy(store, place, at, sha=SHA, **values)
    store.records.add_events([PhaseStarted(number, at, "discover")])
    return number


def happen(store: Store, *events: Event) -> None:
    store.records.add_events(list(events))


def end(store: Store, number: int, state: str = "succeeded", at: float = NOW - 20) -> None:
    states = [("eu", HostState.DONE), ("eu", HostState.BROKEN), ("us.1", HostState.REVERTED)]
    runs = [
        HostRun(Host(f"h{at}", f"h{at}", region=region), at, state)
        for at, (region, state) in enumerate(states)
    ]
    store.hosts.place(number, runs)
    happen(
        store,
        PhaseFinished(number, at - 10, "build", 12.5),
        Flipped(number, at - 5, 3, 4.25),
        DeployFinished(
            number, at, state, 40.0, {}, "SH611" if state != "succeeded" else "", "eu1: status 502"
        ),
    )


async def test_graphite_has_what_happened_when_it_happened(
    store: Store, tmp_path: Path, graphite: Graphite
) -> None:
    names = "one.{app}.{environment}.{what}"
    desk = Desk(store, tmp_path, {"graphite": {"address": f"127.0.0.1:{graphite.line_port}", "names": names}})
    await desk.look()
    end(store, begin(store, ("team/shop", "production")), "rolled_back")
    await desk.look()
    base = "one.team_shop.production"
    wanted = {
        "deploys.started": (-60, 1),
        "phases.build.duration_ms": (-30, 12500),
        "flip.skew_ms": (-25, 4.25),
        "flip.hosts": (-25, 3),
        "deploys.finished": (-20, 1),
        "deploys.rolled_back": (-20, 1),
        "deploys.duration_ms": (-20, 40000),
        "hosts.ok": (-20, 1),
        "hosts.failed": (-20, 1),
        "hosts.taken_back": (-20, 1),
        "regions.eu.hosts.failed": (-20, 1),
        "regions.us_1.hosts.taken_back": (-20, 1),
    }
    for what, (offset, value) in wanted.items():
        target = f"{base}.{what}"
        graphite.until(lambda target=target: graphite.points(target, NOW - 120, NOW), target)
        assert graphite.points(target, NOW - 120, NOW) == {int(NOW + offset): value}, what
    assert desk.standing("graphite").told_at is not None


async def test_graphite_takes_datagrams_too(store: Store, tmp_path: Path, graphite: Graphite) -> None:
    entry = {
        "address": f"127.0.0.1:{graphite.line_port}",
        "protocol": "udp",
        "names": "two.{app}.{environment}.{what}",
    }
    desk = Desk(store, tmp_path, {"graphite": entry})
    await desk.look()
    begin(store)
    await desk.look()
    target = "two.shop.production.deploys.started"
    graphite.until(lambda: graphite.points(target, NOW - 120, NOW) == {int(NOW - 60): 1}, target)


async def test_what_happened_while_graphite_was_down_comes_later_with_its_own_times(
    store: Store, tmp_path: Path, graphite: Graphite
) -> None:
    names = "three.{app}.{environment}.{what}"
    down = Desk(store, tmp_path, {"graphite": {"address": "127.0.0.1:1", "names": names}})
    await down.look()
    begin(store)
    await down.look()
    standing = down.standing("graphite")
    assert (standing.problem, standing.failures) == ("nobody listens at 127.0.0.1:1", 1)
    assert standing.free_at > time.time()
    up = Desk(store, tmp_path, {"graphite": {"address": f"127.0.0.1:{graphite.line_port}", "names": names}})
    await up.look()
    begin(store, at=NOW - 30)
    await up.look(anew=True)
    target = "three.shop.production.deploys.started"
    wanted = {int(NOW - 60): 1, int(NOW - 30): 1}
    graphite.until(lambda: graphite.points(target, NOW - 120, NOW) == wanted, target)
    assert up.standing("graphite").failures == 0


async def test_another_process_and_a_resumed_deploy_send_nothing_again(
    store: Store, tmp_path: Path, graphite: Graphite
) -> None:
    metrics = {
        "graphite": {"address": f"127.0.0.1:{graphite.line_port}", "events": f"{graphite.url}/events/"}
    }
    desk, other = Desk(store, tmp_path, metrics), Desk(store, tmp_path, metrics)
    await desk.look()
    number = begin(store, ("again", "staging"))
    await asyncio.gather(desk.look(), other.look())
    happen(store, PhaseStarted(number, NOW - 50, "discover"))
    await asyncio.gather(desk.look(), other.look())
    target = "shiphorn.again.staging.deploys.started"
    graphite.until(lambda: graphite.points(target, NOW - 120, NOW), target)
    assert graphite.points(target, NOW - 120, NOW) == {int(NOW - 60): 1}
    assert len(graphite.events("again")) == 1


async def test_graphite_marks_the_begin_and_the_end_of_a_deploy(
    store: Store, tmp_path: Path, graphite: Graphite
) -> None:
    desk = Desk(store, tmp_path, {"graphite": {"events": f"{graphite.url}/events/"}})
    await desk.look()
    number = begin(store, ("marked", "production"), ref="fix, 1 <b>", reason="")
    end(store, number, "rolled_back")
    await desk.look()
    began, ended = graphite.events("marked")
    assert (began["when"], ended["when"]) == (int(NOW - 60), int(NOW - 20))
    assert began["what"] == "marked/fix, 1 <b> (6957bb87) is being deployed to production by ada"
    assert sorted(began["tags"]) == ["deploy", "marked", "production", "shiphorn", "started"]
    assert "rolled_back" in ended["tags"]
    assert ended["data"].splitlines() == [
        "marked/fix, 1 <b> (6957bb87) went wrong in production and was taken back: SH611 eu1: status 502",
        f"https://deploy.example.com/deploys/{number}",
    ]


async def test_statsd_counts_and_times(store: Store, tmp_path: Path, statsd: Statsd) -> None:
    desk = Desk(store, tmp_path, {"statsd": {"address": f"127.0.0.1:{statsd.port}"}})
    await desk.look()
    for _ in range(2):
        end(store, begin(store))
    begin(store, at=NOW - 2 * 3600)
    await desk.look()
    base = "shiphorn.shop.production"
    statsd.until(lambda: statsd.counted(f"{base}.deploys.succeeded") == 2)
    assert statsd.counted(f"{base}.deploys.started") == 2
    assert statsd.timed(f"{base}.phases.build.duration_ms") == pytest.approx(12.5, rel=0.02)
    assert statsd.gauge(f"{base}.hosts.failed") == 1


async def test_statsd_gets_tags_as_it_wants_them(store: Store, tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(10)
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        desk = Desk(store, tmp_path, {"statsd": {"address": address, "tags": "dogstatsd"}})
        await desk.look()
        begin(store, ("team/shop", "production"))
        await desk.look()
        assert listening.recv(1500) == (
            b"shiphorn.deploys.started:1|c|#app:team/shop,environment:production\n"
        )


async def test_totals_hosts_and_figures_are_sent_as_they_stand(
    store: Store, tmp_path: Path, graphite: Graphite
) -> None:
    deploy(store, ("stands", "production"))
    deploy(store, ("stands", "production"), state=DeployState.FAILED)
    metrics = {"graphite": {"address": f"127.0.0.1:{graphite.line_port}"}}
    desk = Desk(store, tmp_path, metrics)
    await desk.look()
    await desk.look()
    base, until = "shiphorn.stands.production", time.time() + 1
    graphite.until(lambda: graphite.points(f"{base}.totals.failed", NOW - 5, until), base)
    assert list(graphite.points(f"{base}.totals.succeeded", NOW - 5, until).values()) == [1]
    assert list(graphite.points(f"{base}.active", NOW - 5, until).values()) == [0]
    figures = Figures(3, 0.1, 1, 600.0, 600.0, 4, 1, 0.25, 0, None, None)
    points = standing_points(taken(store, Apps(tmp_path / "shiphorn.yml"), 5.0), {SHOP: figures}, 5.0)
    assert [(one.what, one.value) for one in points if one.app == "shop"] == [
        ("dora.deploys_per_day", 0.1),
        ("dora.lead_time_seconds", 600.0),
        ("dora.change_failure_ratio", 0.25),
    ]
    assert "dora.time_to_restore_seconds" not in dora_values(figures)


class Grafana:
    """Takes annotations as Grafana's API does, from whoever has the token `glsa_letmein`."""

    def __init__(self) -> None:
        self.annotations: dict[int, dict[str, Any]] = {}
        self.seen = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/grafana"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        grafana = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self._body()
                if body is None:
                    return
                grafana.seen += 1
                grafana.annotations[grafana.seen] = body
                self._say(200, {"message": "Annotation added", "id": grafana.seen})

            def do_PATCH(self) -> None:
                body, number = self._body(), int(self.path.rsplit("/", 1)[1])
                if body is None:
                    return
                if number not in grafana.annotations:
                    self._say(404, {"message": "Could not find annotation to update"})
                    return
                grafana.annotations[number] |= body
                self._say(200, {"message": "Annotation patched"})

            def _body(self) -> dict[str, Any] | None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                given = self.headers.get("Authorization", "")
                if given == "Bearer glsa_letmein" and self.path.startswith("/grafana/api/annotations"):
                    return dict(body)
                self._say(401, {"message": f"Invalid API key {given}"})
                return None

            def _say(self, status: int, answer: dict[str, Any]) -> None:
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        return Answer


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    made = Grafana()
    yield made
    made.close()


async def test_grafana_has_one_annotation_a_deploy_from_its_begin_to_its_end(
    store: Store, tmp_path: Path, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", "glsa_letmein")
    entry = {"url": grafana.url, "token": {"secret": "GRAFANA"}, "dashboard": "jcIIG-07z"}
    desk = Desk(store, tmp_path, {"grafana": entry})
    await desk.look()
    number = begin(store, ref="<script>")
    await desk.look()
    link = f'<a href="https://deploy.example.com/deploys/{number}">deploy {number}</a>'
    assert grafana.annotations == {
        1: {
            "dashboardUID": "jcIIG-07z",
            "time": round((NOW - 60) * 1000),
            "tags": ["shiphorn", "deploy", "shop", "production", "started"],
            "text": "shop/&lt;script&gt; (6957bb87) is being deployed to production by ada<br>" + link,
        }
    }
    end(store, number)
    await desk.look()
    [annotation] = grafana.annotations.values()
    assert annotation["time"] == round((NOW - 60) * 1000)
    assert annotation["timeEnd"] == round((NOW - 20) * 1000)
    assert annotation["tags"][-1] == "succeeded"
    again = begin(store)
    await desk.look()
    grafana.annotations.clear()
    end(store, again)
    await desk.look()
    assert [one["tags"][-1] for one in grafana.annotations.values()] == ["succeeded"]


async def test_a_refusal_is_kept_without_the_token(
    store: Store, tmp_path: Path, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", "glsa_wrong_one")
    desk = Desk(store, tmp_path, {"grafana": {"url": grafana.url, "token": {"secret": "GRAFANA"}}})
    await desk.look()
    begin(store)
    await desk.look()
    assert desk.standing("grafana").problem == '401 {"message": "Invalid API key Bearer [secret]"}'
    monkeypatch.delenv("GRAFANA_TOKEN")
    await desk.look(anew=True)
    assert desk.standing("grafana").problem == "SH130 the secret GRAFANA is not in the environment."


async def test_a_carbon_that_resets_what_it_did_not_read_has_not_taken_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def slam() -> None:
            with suppress(OSError):
                taken, _ = listening.accept()
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                taken.close()

        thread = threading.Thread(target=slam)
        thread.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        problem = await send_stream(address, ["x 1 1\n"] * 100_000)
        thread.join()
    assert problem.startswith(f"{address}: ")


async def test_an_address_that_nobody_knows_is_told() -> None:
    assert await send_stream("nowhere.invalid:1", ["x"]) == "nowhere.invalid:1 is not known by that name"
    assert await send_datagrams("127.0.0.1:1", ["x"]) == "nobody listens at 127.0.0.1:1"


def test_pauses_grow_up_to_ten_minutes() -> None:
    assert [pause(failures) for failures in (1, 2, 3, 20)] == [5.0, 10.0, 20.0, 600.0]
