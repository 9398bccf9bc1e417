"""The service at a path of another site, behind a real nginx with TLS."""

from __future__ import annotations

import datetime as dt
import re
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, expect

from shiphorn.demo.project import free_port
from shiphorn.model.locks import Scope
from shiphorn.service import locks
from shiphorn.web.site import site_at
from tests.programs import program
from tests.running_service import LOGIN, PASSWORD, Site, served, set_up, write_service

SOON_SECONDS = 10.0


@dataclass(frozen=True)
class Proxied:
    """The service as people reach it."""

    site: Site
    tls: ssl.SSLContext

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.site.url, verify=self.tls, follow_redirects=True, timeout=60)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    nginx = program("nginx", "/usr/sbin:/usr/local/sbin:/usr/bin")
    folder = tmp_path_factory.mktemp("proxied")
    outer, inner = free_port(), free_port()
    make_certificate(folder)
    write_service(folder, {"eu": {"hosts": [{"name": "web1.eu"}]}}, inner)
    config = yaml.safe_load((folder / "shiphorn.yml").read_text())
    url = f"https://localhost:{outer}/deploy"
    (folder / "shiphorn.yml").write_text(yaml.safe_dump(config | {"url": url}))
    text = Path(__file__).with_name("nginx.conf").read_text()
    for name, value in {"folder": folder, "port": outer, "service": inner}.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(text)
    found = Proxied(Site(url, folder, {}), ssl.create_default_context(cafile=folder / "site.crt"))
    with (
        (folder / "nginx.log").open("wb") as log,
        served(folder, inner, "--proxies", "127.0.0.1") as process,
    ):
        proxy = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=log)
        try:
            with found.client() as client:
                until_proxied(client)
                set_up(found.site, client, process)
            yield found
        finally:
            proxy.send_signal(signal.SIGTERM)
            proxy.wait(30)


def until_proxied(client: httpx.Client) -> None:
    given_up_at = time.monotonic() + 60
    while True:
        try:
            if client.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < given_up_at
        time.sleep(0.05)


def make_certificate(folder: Path) -> None:
    """A certificate of localhost, good for today."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "site.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "site.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def test_people_sign_in_and_cookies_stay_at_the_path_and_on_https(proxied: Proxied) -> None:
    with proxied.client() as client:
        client.get("/sign-in")
        form = {"login": LOGIN, "password": PASSWORD, "_csrf_token": client.cookies["horn_csrf"]}
        answer = client.post("/sign-in", data=form, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/deploy/")
        cookies = answer.headers.get_list("set-cookie")
        session = next(one for one in cookies if one.startswith("horn_session="))
        assert {"Path=/deploy", "Secure", "HttpOnly"} <= {part.strip() for part in session.split(";")}
        board = client.get("/")
        assert board.status_code == 200
        assert 'href="/deploy/static/' in board.text
        assert 'href="/static/' not in board.text


def test_who_was_led_to_sign_in_comes_back_to_where_they_wanted_to_be() -> None:
    site = site_at("https://localhost/deploy")
    wanted = ("/deploy?q=shop", "/deploy", "/deploy/fleet?app=shop", "/elsewhere", "//example.com/deploy")
    assert [site.inner(one) for one in wanted] == [
        "/deploy/?q=shop",
        "/deploy/",
        "/deploy/fleet?app=shop",
        "/deploy/",
        "/deploy/",
    ]


def test_what_is_live_gets_through_at_once(proxied: Proxied) -> None:
    with proxied.client() as client:
        proxied.site.send(client, "/sign-in", {"login": LOGIN, "password": PASSWORD})
        since = re.search(r"/board/changes\?since=(\w+)", client.get("/").text)
        assert since is not None
        stream = f"/board/changes?since={since[1]}"
        with client.stream("GET", stream, timeout=SOON_SECONDS) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            with proxied.site.store() as store:
                lines = answer.iter_lines()
                began = time.monotonic()
                place = Scope("shop", "staging")
                locks.place(store, place, "seen through nginx", LOGIN, time.time())
                heard = next((line for line in lines if line.startswith("event:")), "")
                locks.release(store, place, LOGIN, time.time())
            assert heard.split(":")[1].strip() == "changed"
            assert time.monotonic() - began < SOON_SECONDS


def test_the_address_of_who_asks_comes_from_the_proxy_and_metrics_are_not_open_through_it(
    proxied: Proxied,
) -> None:
    with proxied.client() as client:
        refused = client.get("/metrics")
        assert (refused.status_code, refused.json()["code"]) == (401, "SH584")
        number = client.get("/healthz").headers["x-request-id"]
    given_up_at = time.monotonic() + SOON_SECONDS
    log = proxied.site.folder / "horn-8.log"
    while not (line := next((one for one in log.read_text().splitlines() if number in one), "")):
        assert time.monotonic() < given_up_at
        time.sleep(0.05)
    assert "address=127.0.0.1" in line


def test_a_browser_finds_its_way_about(proxied: Proxied, chromium: Browser) -> None:
    context = chromium.new_context(ignore_https_errors=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{proxied.site.url}/?q=shop")
    page.get_by_label("Login").fill(LOGIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{proxied.site.url}/?q=shop")
    with proxied.site.store() as store:
        place = Scope("shop", "production")
        locks.place(store, place, "live behind a proxy", "katherine", time.time())
        expect(page.get_by_text("katherine").first).to_be_visible(timeout=15_000)
        locks.release(store, place, "katherine", time.time())
    context.close()
    assert complaints == []
