"""The commit graph in a real browser, with 50,000 commits."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

import shiphorn.web
from shiphorn.model.graph import Ref, RefKind, Refs
from shiphorn.service.commits.graph import Graph, Standing
from tests.histories import busy

HERE = Path(__file__).parent
STATIC = Path(shiphorn.web.__file__).parent / "static"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
COUNT = 50_000


class Site:
    """A page with a graph, under the policy of the real one. `fails` makes windows fail."""

    def __init__(self) -> None:
        self.nodes = busy(COUNT, 9, now=int(time.time()) - 420)
        shas = [node.commit.sha for node in self.nodes]
        names = [("main", 0), ("search-by-postcode", 3), ("ada/invoice", 7), ("gifts", 15), ("v4.2.0", 23)]
        refs = [
            Ref(name, RefKind.TAG if name[0] == "v" else RefKind.BRANCH, shas[row]) for name, row in names
        ]
        self.graph = Graph(self.nodes, Refs("main", tuple(refs)))
        merged = [row for row, node in enumerate(self.nodes[:400]) if len(node.parents) > 1]
        self.staging, self.production = merged[1], next(row for row in merged if row > 12)
        self.standing = Standing(
            live={"staging": shas[self.staging], "production": shas[self.production]},
            bad={shas[5]: "The basket was slow", shas[self.production + 4]: "deploy 41 was rolled back"},
            checks={
                sha: "pending" if row < 2 else "failed" if row % 9 == 5 else "passed"
                for row, sha in enumerate(shas[:200])
            },
        )
        self.fails = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, url: str) -> tuple[str, bytes] | None:
        asked = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/rows" and not self.fails:
            window = self.graph.window(int(query["start"]), int(query["count"]), self.standing)
            return "application/json", json.dumps(window).encode()
        if asked.path == "/find":
            return "application/json", json.dumps(self.graph.find(query["text"])).encode()
        path = {"/": HERE / "graph.html", "/page.css": HERE / "graph.css", "/page.js": HERE / "graph.js"}.get(
            asked.path, STATIC / asked.path.removeprefix("/static/")
        )
        return (TYPES[path.suffix], path.read_bytes()) if path.is_file() else None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                kind, body = site.answer(self.path) or ("", b"")
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", f"{kind or 'text/plain'}; charset=utf-8")
                self.send_header("Content-Security-Policy", POLICY)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        return Answer


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    site.fails = False
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.goto(site.url)
    opened.locator(".graph-row").first.wait_for()
    yield opened
    opened.close()
    assert [error for error in errors if "404" not in error] == []


def rows_of(page: Page) -> int:
    return page.locator(".graph-row").count()


def active(page: Page) -> str:
    """The position of the row that the keyboard is at, as a screen reader tells it."""
    return str(
        page.evaluate(
            """() => {
              const list = document.querySelector("[role=listbox]");
              const row = document.getElementById(list.getAttribute("aria-activedescendant"));
              return row && `${row.getAttribute("aria-posinset")} of ${row.getAttribute("aria-setsize")}`;
            }"""
        )
    )


def until_active(page: Page, position: int) -> None:
    page.wait_for_function(
        """(position) => {
          const list = document.querySelector("[role=listbox]");
          const row = document.getElementById(list.getAttribute("aria-activedescendant"));
          const loaded = row && !row.classList.contains("graph-loading");
          return loaded && row.getAttribute("aria-posinset") === String(position);
        }""",
        arg=position,
    )


def test_the_newest_commits_take_the_place_of_the_plain_list(page: Page, site: Site) -> None:
    expect(page.locator(".graph-plain")).to_have_count(0)
    first = page.locator('.graph-row[aria-posinset="1"]')
    expect(first).to_contain_text(site.nodes[0].commit.subject)
    expect(first).to_contain_text(site.nodes[0].commit.sha[:8])
    expect(first.locator(".graph-ref")).to_have_text("main")
    expect(first.locator(".graph-when")).to_have_text("7 min ago")


def test_the_last_of_fifty_thousand_commits_is_shown_at_the_end(page: Page, site: Site) -> None:
    most = rows_of(page)
    for part in (0.25, 0.5, 0.75, 1):
        page.evaluate(
            """(part) => {
              const view = document.querySelector(".graph-view");
              view.scrollTop = view.scrollHeight * part;
            }""",
            part,
        )
        page.wait_for_function("() => !document.querySelector('.graph-row:not([hidden]).graph-loading')")
        most = max(most, rows_of(page))
    last = page.locator(f'.graph-row[aria-posinset="{COUNT}"]')
    expect(last).to_contain_text(site.nodes[-1].commit.sha[:8])
    expect(last).to_be_in_viewport()
    assert most < 200


def test_scrolling_draws_lanes_where_the_rows_are(page: Page) -> None:
    page.evaluate("() => { document.querySelector('.graph-view').scrollTop = 34 * 20000; }")
    page.wait_for_function(
        """() => {
          const row = document.querySelector('.graph-row[aria-posinset="20001"]:not(.graph-loading)');
          if (!row) return false;
          const canvas = document.querySelector("canvas");
          const scale = canvas.width / canvas.clientWidth;
          const middle = row.getBoundingClientRect().top + 17 - canvas.getBoundingClientRect().top;
          const at = Math.round(middle * scale);
          const { data } = canvas.getContext("2d").getImageData(0, at, canvas.width, 1);
          return data.some((value, at) => at % 4 === 3 && value === 255);
        }"""
    )


def test_the_keyboard_moves_through_all_commits(page: Page) -> None:
    page.get_by_role("listbox").focus()
    moves = {"ArrowDown": 2, "j": 3, "k": 2, "ArrowUp": 1, "End": COUNT}
    for key, position in moves.items():
        page.keyboard.press(key)
        until_active(page, position)
    page.keyboard.press("PageUp")
    page.wait_for_function("() => window.graph.active < 49990")
    page.keyboard.press("Home")
    until_active(page, 1)
    assert active(page) == f"1 of {COUNT}"


def test_enter_and_a_click_choose_a_commit(page: Page, site: Site) -> None:
    page.get_by_role("listbox").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#chosen")).to_contain_text(f"1 {site.nodes[1].commit.sha[:8]}")
    page.locator('.graph-row[aria-posinset="5"]').click()
    expect(page.locator("#chosen")).to_contain_text(f"4 {site.nodes[4].commit.sha[:8]}")
    expect(page.locator('.graph-row[aria-selected="true"]')).to_have_attribute("aria-posinset", "5")


def test_brackets_go_to_what_is_live(page: Page, site: Site) -> None:
    page.get_by_role("listbox").focus()
    page.keyboard.press("]")
    until_active(page, site.staging + 1)
    page.keyboard.press("]")
    until_active(page, site.production + 1)
    expect(page.locator(".graph-active .graph-flag")).to_have_text("production")
    page.keyboard.press("[")
    until_active(page, site.staging + 1)


def test_a_commit_far_down_is_found_by_its_id(page: Page, site: Site) -> None:
    page.get_by_role("listbox").focus()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(site.nodes[31_000].commit.sha[:10])
    expect(page.locator(".graph-count")).to_have_text("1 of 1")
    until_active(page, 31_001)
    expect(page.locator('.graph-row[aria-posinset="31001"]')).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_focused()


def test_matches_are_marked_and_stepped_through(page: Page, site: Site) -> None:
    rows = site.graph.find("grace")
    page.get_by_role("searchbox").fill("grace")
    expect(page.locator(".graph-count")).to_have_text("1 of 1,000+")
    page.get_by_role("searchbox").press("Enter")
    until_active(page, rows[1] + 1)
    expect(page.locator(".graph-active mark")).to_have_text("Grace")
    page.get_by_role("searchbox").press("Shift+Enter")
    until_active(page, rows[0] + 1)
    page.get_by_role("searchbox").fill("no such thing")
    expect(page.locator(".graph-count")).to_have_text("no commit")


def test_what_is_not_in_the_environment_is_shaded(page: Page, site: Site) -> None:
    above = page.locator('.graph-row[aria-posinset="1"]')
    staging = page.locator(f'.graph-row[aria-posinset="{site.staging + 1}"]')
    expect(above).to_have_class("graph-row graph-active graph-undeployed graph-merge")
    expect(staging).to_have_class("graph-row graph-undeployed graph-merge")
    page.get_by_role("combobox").select_option("staging")
    expect(staging).to_have_class("graph-row graph-merge")
    expect(above).to_have_class("graph-row graph-active graph-undeployed graph-merge")


def test_a_bad_commit_is_struck_out_and_says_why(page: Page) -> None:
    bad = page.locator('.graph-row[aria-posinset="6"]')
    expect(bad.locator(".graph-subject")).to_have_css("text-decoration-line", "line-through")
    expect(bad.locator(".graph-bad-icon title")).to_have_text("Bad: The basket was slow")
    expect(bad).to_have_attribute("aria-label", re.compile("bad: The basket was slow, checks failed$"))


def test_rows_that_cannot_be_loaded_are_told_and_asked_for_again(page: Page, site: Site) -> None:
    site.fails = True
    page.get_by_role("listbox").press("End")
    expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
    site.fails = False
    page.get_by_role("button", name="Try again").click()
    until_active(page, COUNT)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_the_plain_list_stays_when_nothing_can_be_loaded(page: Page, site: Site) -> None:
    site.fails = True
    with page.expect_event("pageerror"):
        page.reload()
    expect(page.locator(".graph-plain")).to_be_visible()
    site.fails = False


def test_after_a_push_cursor_and_choice_stay_at_their_commits(page: Page, site: Site) -> None:
    newest = site.graph
    site.graph = Graph(site.nodes[3:], Refs("main", (Ref("main", RefKind.BRANCH, site.nodes[3].commit.sha),)))
    page.reload()
    expect(page.locator(".graph-ref")).to_have_text("main")
    page.locator('.graph-row[aria-posinset="4"]').click()
    site.graph = newest
    page.evaluate("() => window.graph.refresh()")
    until_active(page, 7)
    expect(page.locator('.graph-row[aria-selected="true"]')).to_contain_text(site.nodes[6].commit.sha[:8])
    expect(page.locator('.graph-row[aria-posinset="1"]')).to_contain_text(site.nodes[0].commit.sha[:8])


def test_without_a_canvas_the_list_works_by_itself(page: Page, site: Site) -> None:
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.reload()
    page.get_by_role("listbox").press("End")
    until_active(page, COUNT)
    page.keyboard.press("Enter")
    expect(page.locator("#chosen")).to_contain_text(site.nodes[-1].commit.sha[:8])


def test_lanes_are_drawn_anew_in_the_colours_of_the_dark(page: Page) -> None:
    colour = """() => {
      const canvas = document.querySelector("canvas");
      const { data } = canvas.getContext("2d").getImageData(15, 60, 1, 1);
      return [...data];
    }"""
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"() => ({colour})().join() === '52,70,94,255'")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => ({colour})().join() === '182,195,214,255'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_role("searchbox").fill("prices")
    page.locator(".graph-active mark").wait_for()
    page.locator(".graph-active").click()
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
