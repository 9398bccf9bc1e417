"""Checks from the deployer, against real servers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shiphorn.adapters.check_http import HttpChecker
from shiphorn.adapters.check_tcp import TcpChecker
from shiphorn.demo.project import free_port
from shiphorn.model.health import Check, Kind, Tried, Verdict
from tests.little_web import Web


@pytest.fixture
async def http() -> AsyncIterator[HttpChecker]:
    checker = HttpChecker()
    yield checker
    await checker.close()


def check(url: str, **more: object) -> Check:
    return Check(Kind.HTTP, url, url, **more)  # type: ignore[arg-type]


def said(tried: Tried) -> tuple[Verdict, str]:
    return tried.verdict, tried.message


async def test_an_answer_is_judged_and_the_headers_go_along(http: HttpChecker, web: Web) -> None:
    url = f"http://127.0.0.1:{web.port}/health"
    tried = await http.attempt(check(url, body="is well", headers={"Host": "shop.example.com"}))
    assert tried.verdict == Verdict.PASS
    assert (web.asked, web.heads[0]["Host"]) == (["/health"], "shop.example.com")
    web.status = 503
    assert said(await http.attempt(check(url))) == (Verdict.FAIL, "answered 503, wanted 2xx")


async def test_a_redirect_is_an_answer_of_its_own(http: HttpChecker, web: Web) -> None:
    url = f"http://127.0.0.1:{web.port}/302"
    assert said(await http.attempt(check(url))) == (Verdict.FAIL, "answered 302, wanted 2xx")
    assert (await http.attempt(check(url, status="302"))).verdict == Verdict.PASS
    assert web.asked == ["/302", "/302"]


async def test_no_proxy_is_asked(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    http = HttpChecker()
    assert (await http.attempt(check(f"http://127.0.0.1:{web.port}/"))).verdict == Verdict.PASS
    await http.close()


async def test_an_answer_that_takes_too_long_is_not_waited_for(http: HttpChecker, web: Web) -> None:
    tried = await http.attempt(check(f"http://127.0.0.1:{web.port}/slow", timeout_seconds=0.2))
    assert said(tried) == (Verdict.FAIL, "gave no answer within 0.2 s")
    slow = await http.attempt(check(f"http://127.0.0.1:{web.port}/", within_seconds=0.000001))
    assert (slow.verdict, slow.group) == (Verdict.FAIL, "was too slow")


async def test_a_server_that_is_not_there_or_speaks_something_else_fails(http: HttpChecker) -> None:
    tried = await http.attempt(check(f"http://127.0.0.1:{free_port()}/"))
    assert said(tried) == (Verdict.FAIL, "connection refused")
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        tried = await http.attempt(check(f"http://127.0.0.1:{port}/"))
    assert tried.verdict == Verdict.FAIL
    assert tried.message.startswith("no answer: ")
    assert (await http.attempt(check("http://does-not-exist.invalid/"))).verdict == Verdict.FAIL


async def test_a_certificate_that_is_not_trusted_fails(http: HttpChecker, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Web(context)
    tried = await http.attempt(check(f"https://127.0.0.1:{server.port}/"))
    server.close()
    assert said(tried) == (Verdict.FAIL, "its certificate is not trusted: self-signed certificate")


async def test_many_are_asked_at_once(http: HttpChecker, web: Web) -> None:
    one = check(f"http://127.0.0.1:{web.port}/", timeout_seconds=60)
    found = await asyncio.gather(*(http.attempt(one) for _ in range(100)))
    assert {tried.verdict for tried in found} == {Verdict.PASS}


async def test_somebody_has_to_take_a_tcp_connection(web: Web) -> None:
    tcp = TcpChecker()
    for what in (f"127.0.0.1:{web.port}", f"localhost:{web.port}"):
        assert (await tcp.attempt(Check(Kind.TCP, what, what))).verdict == Verdict.PASS
    refused = await tcp.attempt(Check(Kind.TCP, f"127.0.0.1:{free_port()}", ""))
    assert said(refused) == (Verdict.FAIL, "connection refused")
    assert (await tcp.attempt(Check(Kind.TCP, "does-not-exist.invalid:1", ""))).verdict == Verdict.FAIL
    assert (await tcp.attempt(Check(Kind.TCP, "127.0.0.1:99999", ""))).verdict == Verdict.FAIL
    await tcp.close()


async def test_a_tcp_connection_has_its_time() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        tried = await TcpChecker().attempt(Check(Kind.TCP, f"127.0.0.1:{port}", "", timeout_seconds=0.2))
        for one in waiting:
            one.close()
    assert said(tried) == (Verdict.FAIL, "gave no answer within 0.2 s")
