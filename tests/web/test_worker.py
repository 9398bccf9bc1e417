"""What the service does without anybody asking."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shiphorn.model.deploy import Deploy, DeployState, Kind
from shiphorn.service.worker import ACTOR
from tests.running_service import Site, running


def test_a_host_that_fell_behind_is_brought_up_to_date(tmp_path: Path) -> None:
    with running(tmp_path, hosts=3) as site:
        first = site.until(site.ship("blog", "staging"))
        site.change("blog")
        second = site.until(site.ship("blog", "staging"))
        current = tmp_path / "fleet" / "hosts" / "web1.us" / "staging" / "blog" / "current"
        assert os.readlink(current).endswith(second.release)
        current.unlink()
        current.symlink_to(f"releases/{first.release}")
        config = tmp_path / "shiphorn.yml"
        config.write_text(f"converge: 1\n{config.read_text()}")

        def caught_up(last: Deploy) -> bool:
            return last.state == DeployState.SUCCEEDED

        converge = site.when(second.id + 1, caught_up, seconds=90)
        assert (converge.order.kind, converge.order.actor) == (Kind.CONVERGE, ACTOR)
        assert converge.order.selection.hosts == ("web1.us",)
        assert os.readlink(current).endswith(second.release)


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_deploys_of_two_apps_run_side_by_side_in_one_service(site: Site, environment: str) -> None:
    numbers = [site.ship(app, environment) for app in ("shop", "blog")]
    assert [site.until(number).state for number in numbers] == [DeployState.SUCCEEDED] * 2
