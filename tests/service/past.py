"""Deploys of the past for tests: a store with some, and rows without one."""

from __future__ import annotations

from typing import Any

from shiphorn.model.deploy import DeployState, HostRun, HostState, Kind, Observed, Order
from shiphorn.model.history import DeployRow
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.model.target import Host, Selection
from shiphorn.store.store import Store

SHOP, STAGING = ("shop", "production"), ("shop", "staging")
BLOG = ("blog", "production")
APPS = [("shop", ["staging", "production"]), ("blog", ["production"])]
WHOLE = Selection()


def deploy(
    store: Store,
    place: tuple[str, str] = SHOP,
    at: float = 10.0,
    *,
    actor: str = "ada",
    selection: Selection = WHOLE,
    ref: str = "main",
    reason: str = "",
    **values: Any,
) -> int:
    """A deploy that went well, unless `values` say something else: its number."""
    order = Order(*place, ref=ref, actor=actor, selection=selection, reason=reason)
    made = store.deploys.open(order, ("deploy.yml", ""), "one", at)
    usual: dict[str, Any] = {
        "state": DeployState.SUCCEEDED,
        "finished_at": at + 5.0,
        "token": made.id,
        "release": f"r{made.id}",
    }
    store.deploys.update(made.id, **usual | values)
    return made.id


def place_hosts(store: Store, number: int, *names: str, seen: str = "", at: float = 12.0) -> None:
    """Have a deploy go to hosts, and those be `seen` to run a release; `us1` is in the region `us`."""
    place = store.deploys.get(number)
    assert place is not None
    hosts = [Host(name, name, region=name[:2], zone=f"{name[:2]}-a", roles=("web",)) for name in names]
    store.hosts.place(number, [HostRun(host, at, HostState.DONE) for at, host in enumerate(hosts)])
    observe(store, (place.order.app, place.order.environment), at, **dict.fromkeys(names, seen))


def observe(store: Store, place: tuple[str, str], at: float = 12.0, **runs: str) -> None:
    """Have hosts be seen to run releases."""
    seen = [Observed(name, release, "", (), at) for name, release in runs.items()]
    store.hosts.observe(*place, seen)


def somebody(*scopes: Scope, limit: Scope | None = None) -> Caller:
    """A viewer of these scopes."""
    grants = tuple(Grant(Role.VIEWER, scope) for scope in scopes)
    return Caller("eve", "web", grants=grants, limit=Grant(Role.VIEWER, limit) if limit else None)


def row(number: int, end: float | None = 100.0, place: tuple[str, str] = SHOP, **values: Any) -> DeployRow:
    """A deploy that began 10 s before its end and flipped 4 s before it."""
    usual: dict[str, Any] = {
        "kind": Kind.DEPLOY,
        "ref": "main",
        "actor": "ada",
        "reason": "",
        "forced": "",
        "state": DeployState.SUCCEEDED,
        "phase": "finish",
        "token": number,
        "release": f"r{number:03}",
        "sha": f"sha{number}",
        "from_sha": "",
        "flip_at": None if end is None else end - 4.0,
        "wave": 1,
        "waves": 1,
        "wish": "",
        "turn": None,
        "pause_reason": "",
        "started_at": 0.0 if end is None else end - 10.0,
        "finished_at": end,
        "code": "",
        "message": "",
    }
    return DeployRow(number, *place, **usual | values)
