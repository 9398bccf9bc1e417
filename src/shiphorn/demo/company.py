"""A little company: three apps, people who ship them, and the files of their service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shiphorn.demo.history import Branch, Files, make_history
from shiphorn.model.deploy import DeployState
from shiphorn.model.locks import Scope
from shiphorn.model.people import Grant, Role

_BUILD = """\
#!/bin/sh
set -eu
cat src/*.md >public/changes.txt
echo "built $(ls public | wc -l) pages, $(cat public/* | wc -c) bytes"
"""
_RESTART = """\
#!/bin/sh
echo "workers in $REGION load $(basename "$PWD")"
"""
_CHECK = """\
#!/bin/sh
# Is this release well where it runs? A real one would ask the app.
state=$(sed -n "s/^$REGION: //p" health)
echo "health of $REGION: $state"
[ "$state" = ok ]
"""
_WELL = "eu: ok\nus: ok\nap: ok\n"

SHOP: tuple[Branch, ...] = (
    ("cart", ("Count what is in the cart", "Keep the cart in one query", "Show the cart while it loads")),
    ("search-box", ("Search as you type", "Forgive a letter too much")),
    ("gift-cards", ("Sell gift cards", "Pay with a gift card", "Say what is left on it")),
    ("accessibility", ("Labels for all fields", "Contrast of prices", "Order by keyboard alone")),
    ("prices", ("Prices in three currencies", "Round as each country does")),
    ("photos", ("Smaller photos on phones", "Load photos when they are seen")),
    ("returns", ("Return an order", "Print the label", "Refund within a day", "Tell the customer")),
    ("checkout", ("One page to check out", "Remember the address")),
    ("dark-mode", ("Colours by variables", "A dark theme")),
    ("recommendations", ("Others bought", "Not what is sold out")),
)
SEARCH: tuple[Branch, ...] = (
    ("stemming", ("Words by their stems", "Stems of three languages")),
    ("typos", ("Forgive typing errors", "Faster: a trie of words")),
    ("ranking", ("Rank by what people click", "Newer things first", "A test of the order")),
    ("shards", ("Split the index by region", "Ask all parts at once", "One slow part keeps nobody waiting")),
    ("synonyms", ("Synonyms from a file",)),
    ("metrics", ("Time of each query", "Queries without a result")),
    ("filters", ("Filter by price", "Filter by colour")),
)
DOCS: tuple[Branch, ...] = (
    ("first-steps", ("First steps in a page", "Pictures of them")),
    ("api", ("Describe the API", "An example for each call")),
    ("print", ("A style to print with",)),
    ("anchors", ("Links to each heading", "Check links in the build")),
    ("faq", ("What people ask most", "Answers from support")),
    ("translations", ("Pages in French", "Pages in Japanese")),
)


@dataclass(frozen=True, slots=True)
class Shipment:
    """A deploy of the story: who ships what where, and how it ends."""

    who: str
    app: str
    ref: str
    environment: str
    ends: DeployState = DeployState.SUCCEEDED


PEOPLE: tuple[tuple[str, str, tuple[Grant, ...]], ...] = (
    ("ada", "Ada Lovelace", (Grant(Role.ADMIN),)),
    ("grace", "Grace Hopper", (Grant(Role.DEPLOYER),)),
    ("katherine", "Katherine Johnson", (Grant(Role.DEPLOYER),)),
    ("alan", "Alan Turing", (Grant(Role.VIEWER), Grant(Role.DEPLOYER, Scope("docs", "")))),
)
STORY: tuple[tuple[Shipment, ...], ...] = (
    (
        Shipment("ada", "shop", "v1.4", "staging"),
        Shipment("ada", "shop", "v1.4", "production"),
        Shipment("katherine", "shop", "v1.6", "staging"),
        Shipment("katherine", "shop", "v1.6", "production"),
        Shipment("grace", "shop", "main", "staging"),
        Shipment("grace", "shop", "main", "production", DeployState.ROLLED_BACK),
    ),
    (
        Shipment("grace", "search", "v1.2", "staging"),
        Shipment("grace", "search", "v1.2", "production"),
        Shipment("grace", "search", "main", "staging"),
    ),
    (
        Shipment("alan", "docs", "v1.1", "staging"),
        Shipment("alan", "docs", "v1.1", "production"),
        Shipment("alan", "docs", "main", "staging"),
        Shipment("ada", "docs", "main", "production"),
    ),
)
"""What is shipped: a row an app, one after the other, and the rows side by side."""
LOCKED = Scope("search", "production")
LOCKED_BY, LOCK_REASON, LOCK_SECONDS = "grace", "The index is being rebuilt", 4 * 3600


def write_company(folder: Path, fleet: Path, regions: dict[str, Any], url: str, now: float) -> Path:
    """The repositories, shiphorn.yml and a file an app: the path of shiphorn.yml."""
    (folder / "apps").mkdir(parents=True)
    ill = _WELL.replace("us: ok", "us: out of memory")
    make_history(folder / "shop.git", _base("shop"), SHOP, now, ("Keep more in memory", {"health": ill}))
    make_history(folder / "search.git", _base("search"), SEARCH, now)
    make_history(folder / "docs.git", _base("docs"), DOCS, now)
    for app in ("shop", "search", "docs"):
        text = {
            "app": app,
            "repo": f"../{app}.git",
            "commands": {"build": ["bin/build"], "restart": ["bin/restart"]},
            "watch": [{"command": "bin/check", "interval": "500ms"}],
        }
        _write(folder / "apps" / f"{app}.yml", text)
    first = next(iter(regions))
    service = {
        "url": url,
        "defaults": {
            "ssh": {
                "user": "demo",
                "identity_file": str(fleet / "id_ed25519"),
                "known_hosts": str(fleet / "known_hosts"),
            },
            "env": {"REGION": "{region}"},
        },
        "environments": {
            "staging": {"deploy_to": "~/staging/{app}", "regions": {first: regions[first]}},
            "production": {"deploy_to": "~/production/{app}", "regions": regions, "sound": True},
        },
    }
    return _write(folder / "shiphorn.yml", service)


def _base(app: str) -> Files:
    page = f"<!doctype html>\n<html lang=en>\n<title>{app}</title>\n<h1>{app}</h1>\n"
    return {
        "README.md": f"# {app}\n",
        "public/index.html": page,
        "src/readme.md": f"# {app}\n",
        "health": _WELL,
        "bin/build": _BUILD,
        "bin/restart": _RESTART,
        "bin/check": _CHECK,
    }


def _write(path: Path, data: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=110))
    return path
