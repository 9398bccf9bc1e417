"""The fleet map, the tab's progress and the horn, in Chromium."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import shiphorn.web
from shiphorn.model.deploy import Placed
from shiphorn.service.deploys import fleetmap

STATIC = Path(shiphorn.web.__file__).parent / "static"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/fleetmap.css"><link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script></head><body><main id="here"></main></body></html>"""
STYLE = """body { margin: 1rem; background: #fff; }
@media (prefers-color-scheme: dark) { body { background: #0f151d; } }"""
SCRIPT = """import * as fleetmap from "/fleetmap.js";
import * as progress from "/progress.js";
const layout = await (await fetch("/layout.json")).json();
window.picked = [];
window.filters = [];
window.violations = [];
document.addEventListener("securitypolicyviolation", (one) => window.violations.push(one.violatedDirective));
const options = { onPick: (host) => picked.push(host), onFilter: (text) => filters.push(text) };
window.map = fleetmap.mountFleetMap(document.getElementById("here"), layout, options);
Object.assign(window, { fleetmap, progress });"""


def fleet(count: int) -> list[Placed]:
    """Hosts in three regions of three zones: web, job and db."""
    regions, zones = ("eu", "us", "ap"), ("a", "b", "c")
    share = count // 9
    hosts: list[Placed] = []
    for region in regions:
        for zone in zones:
            for number in range(share):
                role = "db" if number < share // 20 else "job" if number < share // 4 else "web"
                roles = ("db", "backup") if role == "db" else (role,)
                name = f"{role}{number:03}.{zone}.{region}"
                hosts.append(Placed(len(hosts), name, region, zone, roles))
    return hosts


class Handler(SimpleHTTPRequestHandler):
    """Our modules, and a page with a map of so many hosts."""

    count = 9000

    def do_GET(self) -> None:
        made = {
            "/": ("text/html", PAGE),
            "/page.css": ("text/css", STYLE),
            "/page.js": ("text/javascript", SCRIPT),
            "/favicon.ico": ("image/x-icon", ""),
        }
        if self.path == "/layout.json":
            made[self.path] = ("application/json", json.dumps(fleetmap.layout(fleet(self.count))))
        if self.path not in made:
            super().do_GET()
            return
        kind, text = made[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--autoplay-policy=no-user-gesture-required"]
        made = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield made
        made.close()


@pytest.fixture(scope="module", params=[9000])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Sized", (Handler,), {"count": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(STATIC)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.goto(address)
    until(made, "Boolean(window.map && window.progress)")
    yield made
    violations = made.evaluate("violations")
    context.close()
    assert (errors, violations) == ([], [])


def until(page: Page, holds: str) -> None:
    """Wait for a condition. Playwright's own way evaluates text in the page, which its policy forbids."""
    given_up_at = time.monotonic() + 20
    while not page.evaluate(holds):
        assert time.monotonic() < given_up_at, f"it never was so: {holds}"
        page.wait_for_timeout(20)


def inspect(page: Page, what: str) -> Any:
    """Something of the map once it has drawn all it was told."""
    until(page, "map.inspect().waiting === 0")
    return page.evaluate(f"map.inspect().{what}")


def pixels(page: Page, position: int) -> list[list[int]]:
    """The colours of a cell, each once."""
    read = """position => {
        const { x, y, side } = map.inspect().cell(position);
        const canvas = document.querySelector(".fleet-field > canvas");
        const data = canvas.getContext("2d").getImageData(x, y, side - 1, side - 1).data;
        const found = new Set();
        for (let at = 0; at < data.length; at += 4) found.add([...data.slice(at, at + 3)].join());
        return [...found].sort().map((one) => one.split(",").map(Number));
    }"""
    until(page, "map.inspect().waiting === 0")
    found: list[list[int]] = page.evaluate(read, position)
    return found


def centre(page: Page, position: int) -> tuple[float, float]:
    box = page.locator(".fleet-field > canvas").bounding_box()
    assert box is not None
    cell = page.evaluate("position => map.inspect().cell(position)", position)
    return box["x"] + cell["x"] + 3, box["y"] + cell["y"] + 3


def test_nine_thousand_hosts_change_and_are_drawn(page: Page) -> None:
    frames, seconds = page.evaluate(
        """async () => {
            const began = performance.now();
            let frames = 0;
            while (performance.now() - began < 3000) {
                const deltas = [];
                for (let one = 0; one < 9000; one++) deltas.push([one, Math.floor(Math.random() * 12)]);
                map.apply(deltas);
                await new Promise(requestAnimationFrame);
                frames++;
            }
            map.set(new Uint8Array(9000).fill(6));
            map.apply([[0, 7], [8999, 8]]);
            return [frames, (performance.now() - began) / 1000];
        }"""
    )
    print(f"{frames / seconds:.1f} frames per second, 9,000 cells each")
    counts = {state: count for state, count in inspect(page, "counts").items() if count}
    assert counts == {"done": 8998, "failed": 1, "broken": 1}
    assert pixels(page, 1) == [[47, 143, 87]]
    assert [200, 55, 45] in pixels(page, 0)
    assert [163, 36, 108] in pixels(page, 8999)


def test_only_what_changed_is_drawn_again(page: Page) -> None:
    before = inspect(page, "drawn")
    page.evaluate("map.apply([[5, 6], [6, 6], [7, 0]])")
    assert inspect(page, "drawn") - before == 2


def test_a_snapshot_comes_as_base64(page: Page) -> None:
    page.evaluate("map.set(fleetmap.decodeStates('BwY='))")
    assert inspect(page, "states.slice(0, 3)") == ["failed", "done", "waiting"]


@pytest.mark.parametrize("width", [1280, 700, 390])
def test_every_state_has_a_form_of_its_own(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    until(page, f"document.querySelector('.fleet-field > canvas').clientWidth < {width}")
    page.evaluate("map.set(Uint8Array.from({ length: 9000 }, (_, place) => place % 12))")
    assert inspect(page, "states.slice(10, 13)") == ["removed", "reverted", "waiting"]
    forms = page.evaluate(
        """() => {
            const context = document.querySelector(".fleet-field > canvas").getContext("2d");
            return map.inspect().states.slice(0, 12).map((_, position) => {
                const { x, y, side } = map.inspect().cell(position);
                const data = context.getImageData(x, y, side - 1, side - 1).data;
                const ground = context.getImageData(x + side - 1, y, 1, 1).data[0];
                const far = [];
                for (let at = 0; at < data.length; at += 4) far.push(Math.abs(data[at] - ground) > 24);
                return far.join("");
            });
        }"""
    )
    assert len(set(forms)) == 12


def test_a_filter_dims_all_others_and_follows_states(page: Page) -> None:
    page.evaluate("map.set(new Uint8Array(9000).fill(6)); map.apply([[0, 7], [4000, 7]])")
    assert page.evaluate("map.filter('state:failed region:eu')") == {"shown": 1, "problems": []}
    assert inspect(page, "dimmed").index(False) == 0
    page.evaluate("map.apply([[1, 7], [0, 6]])")
    assert [place for place, dim in enumerate(inspect(page, "dimmed")) if not dim] == [1]
    assert [47, 143, 87] not in pixels(page, 0)
    assert page.evaluate("map.filter('')")["shown"] == 9000
    assert pixels(page, 0) == [[47, 143, 87]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("role:db", 450),
        ("role:backup", 450),
        ("-role:web", 2250),
        ("role:web,job region:EU zone:a", 950),
        ("web999.a.eu", 1),
        ("web99?.a.eu", 10),
        ("db* -zone:a -zone:b region:?u", 50),
        ("state:waiting name:*.ap", 3000),
        ("state:done", 0),
        ("-", 0),
        ("(web", 0),
    ],
)
def test_filters(page: Page, text: str, shown: int) -> None:
    assert page.evaluate("text => map.filter(text)", text) == {"shown": shown, "problems": []}


def test_a_filter_says_what_it_does_not_know(page: Page) -> None:
    found = page.evaluate("fleetmap.parseFilter('planet:earth zone: web1')")
    assert found["problems"] == ['There is no "planet:". There are state:, region:, zone:, role:, name:.']
    assert len(found["terms"]) == 1


def test_arrows_move_a_cursor_and_enter_picks(page: Page) -> None:
    page.evaluate("map.apply([[1, 7]])")
    page.keyboard.press("Tab")
    while not page.evaluate("document.activeElement.tagName === 'CANVAS'"):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert inspect(page, "cursor") == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate("picked") == [
        {
            "position": 1,
            "name": "db001.a.eu",
            "region": "eu",
            "zone": "a",
            "roles": ["db", "backup"],
            "state": "failed",
        }
    ]
    assert page.locator(".fleet-cursor").is_visible()
    assert page.locator(".fleet-tip").inner_text() == "db001.a.eu\nfailed\neu · a · db, backup"
    assert page.get_by_text("db001.a.eu, failed, eu, a, db, backup").count() == 1
    below = page.evaluate("map.inspect().cell(1)")
    page.keyboard.press("ArrowDown")
    after = page.evaluate("map.inspect().cell(map.inspect().cursor)")
    assert after["x"] == below["x"]
    assert after["y"] > below["y"]
    page.keyboard.press("End")
    assert inspect(page, "cursor") == 8999
    page.keyboard.press("Escape")
    assert not page.locator(".fleet-cursor").is_visible()


def test_the_cursor_passes_over_what_is_dimmed(page: Page) -> None:
    page.evaluate("map.filter('web300.b.us')")
    page.locator(".fleet-field > canvas").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("map.inspect().cursor") == 4300
    page.keyboard.press("ArrowDown")
    assert page.evaluate("map.inspect().cursor") == 4300


def test_a_click_picks_and_the_pointer_shows_what_it_is_on(page: Page) -> None:
    page.mouse.move(*centre(page, 700))
    assert page.locator(".fleet-tip b").inner_text() == "web700.a.eu"
    page.mouse.click(*centre(page, 700))
    assert [host["name"] for host in page.evaluate("picked")] == ["web700.a.eu"]
    page.mouse.move(5, 5)
    page.locator(".fleet-legend").get_by_role("button", name="failed").click()
    assert page.evaluate("filters") == ["state:failed"]


def test_who_cannot_see_the_canvas_reads_groups_and_failed_hosts(page: Page) -> None:
    page.evaluate("map.set(new Uint8Array(9000).fill(6)); map.apply([[0, 7], [3, 9]])")
    row = page.get_by_role("row", name="eu, a, db")
    until(page, "document.querySelector('.fleet-map table').textContent.includes('failed,')")
    assert row.inner_text().split("\t") == [
        "eu, a, db",
        "1 failed, 48 done, 1 unknown",
        "db000.a.eu failed, db003.a.eu unknown",
    ]
    until(page, "document.querySelector('[role=status]').textContent.includes('8,998 done')")
    assert page.get_by_role("status").first.inner_text() == "9,000 hosts: 8,998 done, 1 failed, 1 unknown."


def test_the_map_fits_a_phone_and_follows_the_theme(page: Page) -> None:
    page.evaluate("map.set(new Uint8Array(9000).fill(6))")
    page.set_viewport_size({"width": 390, "height": 844})
    until(page, "document.querySelector('.fleet-field > canvas').clientWidth < 390")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert pixels(page, 1) == [[47, 143, 87]]
    page.emulate_media(color_scheme="dark")
    until(page, "matchMedia('(prefers-color-scheme: dark)').matches")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert pixels(page, 1) == [[70, 176, 118]]
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert pixels(page, 1) == [[47, 143, 87]]


def test_a_map_that_was_taken_away_leaves_nothing(page: Page) -> None:
    page.evaluate("map.apply([[1, 7]]); map.destroy()")
    assert page.locator("#here").inner_html() == ""


def test_the_tab_shows_how_far_it_is(page: Page) -> None:
    page.evaluate("window.tab = progress.mountTabProgress()")
    page.evaluate("tab.set({ state: 'running', fraction: 0.417, title: 'shop to production' })")
    assert page.title() == "42% shop to production"
    icon = page.locator("link[rel=icon]")
    running = icon.get_attribute("href")
    assert running is not None
    assert running.startswith("data:image/png;base64,")
    page.evaluate("tab.set({ state: 'succeeded', fraction: 1, title: 'shop to production' })")
    assert page.title() == "✓ shop to production"
    assert icon.get_attribute("href") != running
    page.evaluate("tab.restore()")
    assert (page.title(), icon.count()) == ("shop", 0)


def test_notifications_are_shown_only_when_allowed(page: Page) -> None:
    assert page.evaluate("progress.notify('shop', 'deployed', { always: true })") is False


def test_the_horn_sounds_and_can_be_muted(page: Page) -> None:
    loudest = page.evaluate(
        """async () => {
            const context = new OfflineAudioContext(1, 22050 * 2.5, 22050);
            progress.blow(context, 0);
            const samples = (await context.startRendering()).getChannelData(0);
            const peak = (from, to) => Math.max(...samples.slice(from * 22050, to * 22050).map(Math.abs));
            return [peak(0, 0.01), peak(0.5, 1.9), peak(2.41, 2.5)];
        }"""
    )
    assert loudest[0] < 0.05
    assert 0.2 < loudest[1] < 1.0
    assert loudest[2] == 0
    page.evaluate("window.horn = progress.createHorn()")
    assert page.evaluate("horn.play()") is False
    assert page.evaluate("horn.unlock()") is True
    assert page.evaluate("horn.play()") is True
    page.evaluate("horn.mute(true)")
    assert page.evaluate("[horn.muted(), horn.play()]") == [True, False]
