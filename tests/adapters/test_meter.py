"""The meter: a real Graphite, a real Prometheus, and servers that are neither."""

import json
import time
from collections.abc import AsyncIterator

import pytest

from shiphorn.adapters import meter as adapter
from shiphorn.adapters.meter import HttpMeter
from shiphorn.errors import HostError
from shiphorn.model.measures import Series
from shiphorn.ports import Access
from tests.graphite import Graphite
from tests.little_web import Web
from tests.prometheus import Prometheus


@pytest.fixture
async def meter() -> AsyncIterator[HttpMeter]:
    made = HttpMeter()
    yield made
    await made.close()


async def ask(
    meter: HttpMeter, access: Access, query: str, since: float, until: float, step: float = 1.0
) -> list[Series]:
    found = await meter.series(access, query, since, until, step_seconds=step, timeout_seconds=5.0)
    return list(found)


async def problem(meter: HttpMeter, access: Access, query: str = "up") -> HostError:
    with pytest.raises(HostError) as caught:
        await ask(meter, access, query, 100.0, 200.0)
    return caught.value


def answers(web: Web, body: object, status: int = 200) -> Access:
    web.body, web.status = body if isinstance(body, str) else json.dumps(body), status
    return Access("prometheus", f"http://127.0.0.1:{web.port}")


async def test_graphite_gives_points_between_two_moments(meter: HttpMeter, graphite: Graphite) -> None:
    now = int(time.time()) - 10
    graphite.put("meter.one", {now - 3: 1.0, now - 2: 2.0, now: 4.0})
    graphite.put("meter.two", {now - 1: 7.0})
    access = Access("graphite", graphite.url)
    found = await ask(meter, access, "meter.{one,two}", now - 3, now + 4)
    told = [{at - now: value for at, value in one.points if value == value} for one in found]
    assert sorted(told, key=len) == [{-1.0: 7.0}, {-2.0: 2.0, 0.0: 4.0}]
    # The gap is there, and what has not come in yet is not.
    assert [at - now for at, value in found[0].points] == [-2.0, -1.0, 0.0]
    assert await ask(meter, access, "meter.nobody", now - 3, now) == []


async def test_prometheus_gives_points_a_step_apart(meter: HttpMeter, prometheus: Prometheus) -> None:
    prometheus.exporter.values = lambda: {"a": 1.0, "b": 2.0}
    prometheus.until(lambda: prometheus.has(6, "5s"))
    now, access = time.time(), Access("prometheus", prometheus.url)
    found = await ask(meter, access, "0 * error_rate", now - 1, now, step=0.25)
    assert [[value for _, value in one.points] for one in found] == [[0.0] * 4] * 2
    assert all(now - 1 < at <= now + 0.001 for one in found for at, _ in one.points)
    nothing = await ask(meter, access, "0 * error_rate / 0", now - 1, now, step=0.5)
    assert all(value != value for one in nothing for _, value in one.points)
    assert await ask(meter, access, "error_rate", now - 0.1, now, step=0.2) == []
    refused = await problem(meter, access, "rate(")
    assert refused.code == "SH448"
    assert "refused the query (400): 1:6: parse error: unclosed left parenthesis" in refused.message


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (401, "SH447", "refused the sign-in (401)"),
        (403, "SH447", "refused the sign-in (403)"),
        (302, "SH446", "answered 302"),
        (500, "SH446", "answered 500"),
        (503, "SH446", "answered 503"),
    ],
)
async def test_what_does_not_answer_a_query_is_told_by_its_status(
    meter: HttpMeter, web: Web, status: int, code: str, told: str
) -> None:
    found = await problem(meter, answers(web, "<html>an error</html>", status))
    assert (found.code, found.message) == (code, f"prometheus at 127.0.0.1:{web.port} {told}")
    assert web.asked == ["/api/v1/query_range"]


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[" * 100_000,
        [],
        {"status": "error", "data": {"resultType": "matrix", "result": []}},
        {"status": "success", "data": {"resultType": "vector", "result": []}},
        {"status": "success", "data": {"resultType": "matrix", "result": [{"values": [["x", "1"]]}]}},
        {"status": "success", "data": {"resultType": "matrix", "result": [{"values": [1]}]}},
    ],
)
async def test_answers_of_another_shape_cannot_be_read(meter: HttpMeter, web: Web, body: object) -> None:
    assert (await problem(meter, answers(web, body))).message.endswith("gave an answer that cannot be read")


async def test_an_answer_that_has_no_end_is_cut(
    meter: HttpMeter, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "ANSWER_BYTES", 1024 * 1024)
    found = await problem(meter, answers(web, "x" * 1_100_000))
    assert (found.code, found.message.endswith("gave more than 1 MB")) == ("SH449", True)


async def test_what_is_said_of_a_query_is_one_plain_line(meter: HttpMeter, web: Web) -> None:
    said = {"status": "error", "error": "bad\x1b[31m\n" + "very " * 100}
    found = await problem(meter, answers(web, said, 422))
    assert "refused the query (422): bad [31m very very" in found.message
    assert len(found.message) < 300
    assert (await problem(meter, answers(web, "<html>trace</html>", 400))).message.endswith("(400)")


async def test_secrets_go_by_header_and_are_in_no_message(meter: HttpMeter, web: Web) -> None:
    access = Access("prometheus", answers(web, "x").url, "Bearer s3cret-token", (("X-Scope-OrgID", "a"),))
    found = await problem(meter, access)
    assert web.heads[0]["authorization"] == "Bearer s3cret-token"
    assert web.heads[0]["X-Scope-OrgID"] == "a"
    broken = await problem(meter, Access("prometheus", access.url, "Bearer s3cret-token\r\nEvil: 1"))
    assert broken.code == "SH446"
    assert "s3cret" not in f"{found}{broken}{access}"


async def test_a_query_is_quoted_whatever_it_holds(meter: HttpMeter, web: Web) -> None:
    access = answers(web, {"status": "success", "data": {"resultType": "matrix", "result": []}})
    await ask(meter, access, "a&step=1%00\n{b='ü'}", 0.0, 10.0)
    assert web.bodies[0].startswith(b"query=a%26step%3D1%2500%0A%7Bb%3D%27%C3%BC%27%7D&start=")


async def test_nobody_there_is_told(meter: HttpMeter) -> None:
    found = await problem(meter, Access("graphite", "http://127.0.0.1:9"))
    assert (found.code, found.message) == ("SH446", "graphite at 127.0.0.1:9 connection refused")
    assert found.facts["group"] == "graphite connection refused"
    lacking = await problem(meter, Access("graphite", "https://127.0.0.1:9", ca="/nowhere.pem"))
    assert lacking.message == (
        "graphite at 127.0.0.1:9 cannot be asked: /nowhere.pem cannot be read: No such file or directory"
    )
