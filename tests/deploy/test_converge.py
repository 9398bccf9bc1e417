"""Hosts that are behind are brought to what they should run."""

from shiphorn.demo.fleet import Fault
from tests.deploy.conftest import Site

ONCE = {"run": 'echo x >>"$MIGRATIONS"', "once": True}


async def test_a_host_that_was_away_is_behind_and_catches_up(site: Site) -> None:
    site.config["environments"]["production"]["require"] = "80%"
    site.config["commands"]["stage"] = [ONCE, 'echo x >>"$HOME/staged"']
    site.config["env"] = {"MIGRATIONS": str(site.folder / "migrations")}
    site.fleet.faults["web2.us"] = Fault(refuse=True)
    release = (await site.deploy("--json")).json["deploy"]["release"]
    assert site.pages() == ["one", "one", "one", "", "one", "one"]
    del site.fleet.faults["web2.us"]
    status = await site.horn("status", "production", "--json")
    assert {host["host"]["name"]: host["standing"] for host in status.json[0]["hosts"]}["web2.us"] == "behind"
    assert f"behind, should run {release}: web2.us" in (await site.horn("status", "production")).out
    plan = await site.horn("converge", "production", "--plan", "--json")
    (planned,) = plan.json
    assert (planned["release"], [one["host"]["name"] for one in planned["hosts"]]) == (release, ["web2.us"])
    assert {"stage", "flip", "rollback"} <= planned["hosts"][0]["scripts"].keys()
    assert "" in site.pages(), "a plan changes nothing"
    done = await site.horn("converge", "production")
    assert done.status == 0, done.out
    assert "1 host in " in done.out
    assert site.pages() == ["one"] * 6
    assert site.releases() == {(release,)}
    assert (site.fleet.home("web2.us") / "staged").read_text() == "x\n"
    assert (site.folder / "migrations").read_text() == "x\n"
    again = await site.horn("converge", "production")
    assert (again.status, again.out) == (0, "All hosts that can be reached run what they should.\n")


async def test_a_host_that_somebody_switched_by_hand_goes_back_to_the_intended_release(site: Site) -> None:
    first = (await site.deploy("--json")).json["deploy"]["release"]
    site.commit("two")
    assert (await site.deploy()).status == 0
    current = site.host("web1.ap") / "current"
    current.unlink()
    current.symlink_to(site.host("web1.ap") / "releases" / first)
    done = await site.horn("converge", "production", "--json")
    assert [one["deploy"]["state"] for one in done.json] == ["succeeded"]
    assert [host["host"]["name"] for host in done.json[0]["hosts"]] == ["web1.ap"]
    assert site.pages() == ["two"] * 6


async def test_a_new_host_gets_the_release_that_the_others_run(site: Site) -> None:
    regions = site.config["environments"]["production"]["regions"]
    new = regions["ap"]["hosts"].pop()
    assert (await site.deploy()).status == 0
    site.commit("not deployed yet")
    regions["ap"]["hosts"].append(new)
    assert (await site.horn("converge", "production")).status == 0
    assert site.pages() == ["one"] * 6


async def test_hosts_of_a_partial_deploy_and_the_others_each_keep_their_own(site: Site) -> None:
    assert (await site.deploy()).status == 0
    site.commit("two")
    assert (await site.deploy("--region", "eu")).status == 0
    assert (await site.horn("converge", "production")).out == (
        "All hosts that can be reached run what they should.\n"
    )
    for name in ("web1.eu", "web1.us"):
        (site.host(name) / "current").unlink()
    assert (await site.horn("converge", "production")).status == 0
    assert site.pages() == ["two", "two", "one", "one", "one", "one"]


async def test_one_host_that_cannot_catch_up_does_not_keep_others_from_it(site: Site) -> None:
    assert (await site.deploy()).status == 0
    for name in ("web1.eu", "web1.us"):
        (site.host(name) / "current").unlink()
    site.config["commands"]["restart"] = ['case "$HOME" in *web1.us) exit 1;; esac']
    done = await site.horn("converge", "production")
    assert done.status == 6
    assert "1 of 2 hosts are not as they should be" in done.out
    assert "web1.us: restart command failed" in done.out
    assert site.pages() == ["one"] * 6
