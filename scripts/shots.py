"""Take pictures of all pages: light, dark, and as wide as a phone, into build/shots/.

make shots                       # on a demo that it starts, and ends
make shots ARGS='--link URL'     # on a service that runs; the link signs in once
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

PAGES = {
    "board": "/",
    "app": "/apps/shop",
    "commit": "/apps/shop?commit={commit}",
    "ship": "/apps/shop/ship?environment=production",
    "rollback": "/apps/shop/ship?environment=production&kind=rollback",
    "deploy-rolled-back": "/deploys/13",
    "deploy-well": "/deploys/6",
    "deploy-host": "/deploys/13/hosts/web1.us",
    "fleet": "/fleet",
    "host": "/fleet/hosts/web1.us",
    "endpoints": "/endpoints",
    "history": "/history",
    "dora": "/history/dora",
    "locks": "/settings/locks",
    "queue": "/settings/queue",
    "freezes": "/settings/freezes",
    "inventories": "/settings/inventories",
    "apps": "/settings/apps",
    "add-app": "/settings/apps/new",
    "people": "/settings/people",
    "tokens": "/settings/tokens",
    "notifiers": "/settings/notifiers",
    "webhooks": "/settings/webhooks",
    "forges": "/settings/forges",
    "chat": "/settings/chat",
    "metrics": "/settings/metrics",
    "audit": "/settings/audit",
    "service": "/settings/service",
    "account": "/account",
    "not-there": "/nowhere",
}
LOOKS = {
    "light": (1280, "light"),
    "dark": (1280, "dark"),
    "phone": (390, "light"),
    "phone-dark": (390, "dark"),
}
SETTLE_MS = 600
"""For canvases and plots, which are drawn after the page is there."""


def main() -> int:
    """Exit status: 0 when every page answered as it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--link", default="", help="a link that signs in; a demo is started without one")
    parser.add_argument("--only", default="", help="pages whose names begin so")
    parser.add_argument("--into", type=Path, default=Path("build/shots"))
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        print("There is no chromium. Install it: apt-get install chromium", file=sys.stderr)
        return 7
    with demo(given.link) as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        bad = shoot(browser, link, given.into, given.only)
        browser.close()
    for path in bad:
        print(f"{path} did not answer as it should", file=sys.stderr)
    print(f"Pictures are in {given.into}")
    return 1 if bad else 0


@contextmanager
def demo(link: str) -> Iterator[str]:
    """The link that signs in to a service, a demo's if there is none."""
    if link:
        yield link
        return
    horn = Path(sys.executable).with_name("horn")
    process = subprocess.Popen([horn, "demo", "--mute"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = next((found for line in process.stdout if (found := re.search(r"Open it: (\S+)", line))), None)
    try:
        if found is None:
            raise SystemExit("the demo ended before it was up")
        yield found[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def shoot(browser: Browser, link: str, into: Path, only: str) -> list[str]:
    """Take all pictures. Gives the paths that failed."""
    parts = urlsplit(link)
    first = browser.new_context()
    page = first.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{parts.scheme}://{parts.netloc}/")
    cookies = first.cookies()
    commit = newest_commit(page)
    bad = []
    for look, (width, scheme) in LOOKS.items():
        context = browser.new_context(
            base_url=f"{parts.scheme}://{parts.netloc}",
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        context.add_cookies(cookies)  # type: ignore[arg-type]
        window = context.new_page()
        for name, path in PAGES.items():
            if not name.startswith(only):
                continue
            answer = window.goto(path.replace("{commit}", commit))
            window.wait_for_timeout(SETTLE_MS)
            window.screenshot(path=into / f"{name}-{look}.png", full_page=True)
            if answer is None or answer.status != (404 if name == "not-there" else 200):
                bad.append(path)
        context.close()
    return bad


def newest_commit(page: Page) -> str:
    """A commit of shop, as its page lists them."""
    page.goto(page.url.rstrip("/") + "/apps/shop/graph?start=0&count=1")
    found = re.search(r'"sha":\s*"([0-9a-f]{40})"', page.content())
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit(main())
