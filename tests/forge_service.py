"""A service of one app whose repository a forge has, and whose shiphorn.yml tests write."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from shiphorn.demo.project import make_repository
from shiphorn.service.apps import Apps
from shiphorn.service.commits.histories import Histories
from shiphorn.service.deploys.live import Live
from shiphorn.service.heartbeat import Heartbeat
from shiphorn.service.service import Service
from shiphorn.wiring import open_world

HOOK_SECRET, OLD_SECRET = "the secret of webhooks", "the one before it"
KEY = "127.0.0.1/acme/shop"


def write(folder: Path, forges: dict[str, Any], **more: Any) -> Path:
    """shiphorn.yml, and the app `shop`, whose repository the forge has by its address alone."""
    environment = {"deploy_to": "~/{app}", "hosts": [{"name": "eu1", "address": "127.0.0.1", "port": 1}]}
    secrets = {name: {"env": name} for name in ("FORGE_TOKEN", "HOOK_SECRET", "OLD_SECRET")}
    text = {
        "url": "https://deploy.example.com",
        "secrets": secrets,
        "environments": {"staging": environment, "production": environment},
        "forges": forges,
    }
    path = folder / "shiphorn.yml"
    path.write_text(yaml.safe_dump(text | more))
    return path


def make_app(folder: Path, name: str = "shop") -> str:
    """An app whose `repo` is an address at the forge, which git takes for a folder here: its commit."""
    repository = folder / f"{name}.git"
    make_repository(repository)
    (folder / "apps").mkdir(exist_ok=True)
    address = f"http://127.0.0.1:1/acme/{name}"
    (folder / "apps" / f"{name}.yml").write_text(yaml.safe_dump({"app": name, "repo": address}))
    settings = folder / "gitconfig"
    with settings.open("a") as text:
        text.write(f'[url "file://{repository}"]\n\tinsteadOf = {address}\n')
    return head(repository)


def head(repository: Path) -> str:
    found = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Service]:
    """A service without a worker; XDG folders are the caller's to set."""
    async with (
        open_world(lambda _: None) as world,
        Live(world.store) as live,
        Heartbeat(world.store) as heartbeat,
        Histories() as histories,
    ):
        apps = await asyncio.to_thread(Apps, path)
        yield Service(world, apps, lambda _: False, lambda: None, live, heartbeat, histories)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a service, with what it takes in the environment."""
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("FORGE_TOKEN", "a-token-of-the-forge")
    monkeypatch.setenv("HOOK_SECRET", HOOK_SECRET)
    monkeypatch.setenv("OLD_SECRET", OLD_SECRET)
    return tmp_path
