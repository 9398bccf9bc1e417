"""The sample project of the demo: a git repository with a little web app, and its deploy.yml."""

from __future__ import annotations

import os
import socket
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

_FILES = {
    "app.py": "app.py",
    "build": "bin/build",
    "restart": "bin/restart",
    "page.html": "public/page.html",
    "style.css": "public/style.css",
}
AUTHORED = os.environ | {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
"""The environment of git: nothing of who runs the demo gets into what it commits."""


def make_repository(path: Path) -> None:
    """A new repository with the first version of the app."""
    path.mkdir(parents=True)
    _git(path, "init", "--quiet", "--initial-branch=main")
    for source, target in _FILES.items():
        place = path / target
        place.parent.mkdir(exist_ok=True)
        place.write_text((files("shiphorn.demo") / "sample" / source).read_text())
        if target.startswith("bin/"):
            place.chmod(0o755)
    _commit(path, "Greet from each region")


def break_repository(path: Path) -> None:
    """A third version, which fails in one region only."""
    _replace(path / "app.py", "send_response(200)", 'send_response(500 if FACTS["region"] == "us" else 200)')
    _commit(path, "Even faster")


def write_config(directory: Path, regions: dict[str, Any]) -> dict[str, int]:
    """deploy.yml for a fleet at `directory`/fleet. Gives the web port of each host by name."""
    ports: dict[str, int] = {}
    for region in regions.values():
        for host in region["hosts"]:
            ports[host["name"]] = free_port()
            host["env"] = {"PORT": str(ports[host["name"]])}
            host["watch"] = [
                {"http": f"http://{{address}}:{ports[host['name']]}/", "body": "<h1>", "interval": "500ms"}
            ]
    currencies = {"eu": "EUR", "us": "USD", "ap": "JPY"}
    for name, region in regions.items():
        region["env"] = {"CURRENCY": currencies.get(name, "EUR")}
    config = {
        "app": "sample",
        "repo": "sample.git",
        "deploy_to": "~/sample",
        "keep_releases": 5,
        "shared": {"dirs": ["log", "run"]},
        "ssh": {"user": "demo", "identity_file": "fleet/id_ed25519", "known_hosts": "fleet/known_hosts"},
        "commands": {
            "build": ["bin/build"],
            "stage": ["python3 -m py_compile app.py && echo checked app.py"],
            "restart": ["bin/restart"],
        },
        "env": {"APP_ENV": "{environment}", "REGION": "{region}"},
        "environments": {"production": {"regions": regions}},
    }
    with (directory / "deploy.yml").open("w") as file:
        file.write(
            "# The demo's config. See where a value comes from: horn config explain production web1.eu\n"
        )
        yaml.safe_dump(config, file, sort_keys=False, default_flow_style=None, width=110)
    return ports


def _replace(place: Path, before: str, after: str) -> None:
    place.write_text(place.read_text().replace(before, after))


def _commit(path: Path, subject: str) -> None:
    _git(path, "add", "--all")
    _git(path, "commit", "--quiet", "--message", subject)


def _git(path: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(path), *arguments], check=True, capture_output=True, env=AUTHORED)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
