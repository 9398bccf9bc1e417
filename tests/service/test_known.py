"""How environments stand, kept from one board to the next."""

from __future__ import annotations

from functools import partial

from shiphorn.model.deploy import DeployState
from shiphorn.model.health import Health, Outcome
from shiphorn.model.people import local
from shiphorn.model.target import Selection
from shiphorn.service.board import board
from shiphorn.service.known import Known
from shiphorn.store.store import Store
from tests.service.past import APPS, BLOG, SHOP, deploy, observe, place_hosts

ADA = local("ada")


def test_a_board_of_what_is_known_is_at_each_moment_the_one_of_the_record(store: Store) -> None:
    known = Known()
    place_hosts(store, deploy(store), "eu1", "us1", seen="r1")
    unwell = [Health("eu1", 0, "http", outcome=Outcome.UNHEALTHY)]
    for change in (
        lambda: None,
        partial(observe, store, SHOP, 30.0, eu1="by hand"),
        # Somebody looked before, and wrote down later.
        partial(observe, store, SHOP, 29.0, us1="by hand"),
        partial(deploy, store, at=40.0, state=DeployState.RUNNING, finished_at=None),
        partial(store.deploys.update, 2, phase="watch", wave=2),
        partial(store.health.save, 2, unwell),
        partial(store.health.save, 2, [Health("eu1", 0, "http", outcome=Outcome.HEALTHY)]),
        partial(store.deploys.update, 2, state=DeployState.SUCCEEDED, finished_at=50.0),
        partial(deploy, store, BLOG, state=DeployState.FAILED),
        partial(deploy, store, at=60.0, selection=Selection(hosts=("eu1",))),
        partial(observe, store, SHOP, 65.0, eu1="r4", us1="r1"),
    ):
        change()
        assert board(store, APPS, 100.0, ADA, known=known) == board(store, APPS, 100.0, ADA), change
