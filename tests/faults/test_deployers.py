"""Several deployers at once: with one state they queue, with two of them the hosts decide."""

from __future__ import annotations

import pytest

from tests.faults.conftest import WAIT, FaultySite
from tests.faults.invariants import check, everywhere, recovers


@pytest.mark.fault("two deployers at once, one state", more=True)
async def test_deployers_that_share_their_state_go_one_after_the_other(site: FaultySite) -> None:
    first = await site.start("deploy", "production", "--yes", "--json")
    await site.until(lambda: any(site.host(name).joinpath(".horn").exists() for name in site.names))
    two = site.commit("two")
    second = await site.start("deploy", "production", "--yes", "--json")
    assert [(await site.end(one)).status for one in (first, second)] == [0, 0]
    await check(site, everywhere(site, two))


@pytest.mark.fault("two deployers at once, two states")
async def test_of_two_deployers_that_know_nothing_of_each_other_the_later_one_wins(site: FaultySite) -> None:
    await site.ships()
    site.commit("two")
    site.config["commands"]["stage"] = [WAIT]
    slow = await site.start("deploy", "production", "--yes", "--json")
    await site.until(lambda: site.everywhere("waiting"))
    here = dict(site.env)
    site.env["XDG_STATE_HOME"] = str(site.folder / "another-deployer")
    site.config["commands"]["stage"] = []
    three = site.commit("three")
    quick = await site.start("deploy", "production", "--yes", "--json")
    site.touch_everywhere("go")
    done = [await site.end(one) for one in (slow, quick)]
    assert done[1].status == 0, done[1].out
    await check(site, everywhere(site, three))
    assert done[0].status in (0, 6)
    site.env = here
    await check(site, everywhere(site, three))
    # The first deployer cannot know of the other's deploy: by its record the hosts have drifted.
    await recovers(site)


@pytest.mark.fault("double submit")
async def test_the_same_order_given_twice_ends_well_twice(site: FaultySite) -> None:
    both = [await site.start("deploy", "production", "--yes", "--json") for _ in range(2)]
    assert [(await site.end(one)).status for one in both] == [0, 0]
    await check(site, everywhere(site, site.git("rev-parse", "HEAD")))
