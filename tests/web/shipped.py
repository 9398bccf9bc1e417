"""Deploys that tests of pages need: put on record for the worker of a running service, and waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from shiphorn.model.deploy import Deploy, DeployState, Kind, Order
from shiphorn.model.target import Selection
from shiphorn.service.apps import Apps
from shiphorn.service.records import get
from shiphorn.service.shipping import put_on_record
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.running_service import Site

PATIENCE_SECONDS = 60.0


@contextmanager
def store_of(site: Site) -> Iterator[Store]:
    """The database of a running service."""
    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))
    try:
        yield store
    finally:
        store.close()


def ship(site: Site, app: str, environment: str, *, reason: str = "") -> Deploy:
    """Deploy the main branch of an app as ada, and wait for its good end."""
    config = Apps(site.folder / "shiphorn.yml").config(app)
    order = Order(app, environment, Kind.DEPLOY, "main", Selection(), "ada", reason)
    with store_of(site) as store:
        made = put_on_record(store, config, order)
        given_up_at = time.monotonic() + PATIENCE_SECONDS
        while get(store, made.id).state.active:
            assert time.monotonic() < given_up_at, f"deploy {made.id} does not end"
            time.sleep(0.05)
        found = get(store, made.id)
    assert found.state == DeployState.SUCCEEDED, found.message
    return found
