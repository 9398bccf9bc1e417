"""Deploys that take themselves back after hosts have switched, in waves and by people."""

import asyncio
from typing import Any

from shiphorn.demo.fleet import Fault
from tests.deploy.conftest import Site

WORKS_BUT_ON_US2 = 'echo "$HORN_RELEASE" >>"$HOME/restarts"; case "$HOME" in *web2.us) exit 1;; esac'
WAIT = 'touch "$HOME/waiting"; until [ -f "$HOME/go" ]; do sleep 0.05; done'


def states(done: Any) -> list[str]:
    return [host["state"] for host in done.json["hosts"]]


async def test_a_failing_restart_takes_every_host_back_and_restarts_what_ran_before(site: Site) -> None:
    assert (await site.deploy()).status == 0
    site.commit("two")
    site.config["commands"]["restart"] = [WORKS_BUT_ON_US2]
    done = await site.deploy()
    assert done.status == 6
    assert site.pages() == ["one"] * 6
    assert "1 of 6 hosts went wrong after the flip" in done.out
    assert "Deploy 2 rolled back" in done.out
    assert "6 hosts: run what they ran before, switched back" in done.out
    old, new = sorted(path.name for path in (site.host("web1.eu") / "releases").iterdir())
    assert (site.fleet.home("web1.eu") / "restarts").read_text() == f"{new}\n{old}\n"
    assert (site.host("web1.eu") / "current").resolve().name == old


async def test_hosts_that_ran_nothing_run_nothing_again(site: Site) -> None:
    site.config["commands"]["restart"] = [WORKS_BUT_ON_US2]
    done = await site.deploy("--json")
    assert done.json["deploy"]["state"] == "rolled_back"
    assert states(done) == ["reverted"] * 6
    assert not any((site.host(name) / "current").is_symlink() for name in site.names)
    site.config["commands"]["restart"] = []
    site.commit("two")
    assert (await site.horn("unlock", "production")).status == 0
    assert (await site.deploy()).status == 0
    assert site.pages() == ["two"] * 6


async def test_after_a_rollback_nobody_deploys_until_somebody_looked_and_never_that_commit(
    site: Site,
) -> None:
    site.config["commands"]["restart"] = [WORKS_BUT_ON_US2]
    bad = site.git("rev-parse", "HEAD")
    failed = await site.deploy()
    assert "Then let others deploy again: horn unlock production" in failed.out
    site.config["commands"]["restart"] = []
    why = await site.horn("why", "production", "--json")
    assert [gate["gate"] for gate in why.json["answers"] if gate["verdict"] == "refuse"] == [
        "locked",
        "marked bad",
    ]
    assert (await site.horn("unlock", "production")).status == 0
    again = await site.deploy()
    assert again.status == 6
    assert f"{bad[:8]} was marked bad by deploy 1" in again.out
    site.commit("two")
    assert (await site.deploy()).status == 0
    forced = await site.horn(
        "deploy", f"sample@{bad}", "production", "--yes", "--force", "it was the network"
    )
    assert forced.status == 0
    assert site.pages() == ["one"] * 6


async def test_everything_is_paused_and_goes_on_by_one_command_each(site: Site) -> None:
    site.config["commands"]["stage"] = [WAIT]
    deploying = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    assert (await site.horn("pause", "--everything", "--reason", "the network burns")).status == 0
    site.touch_everywhere("go")
    await site.paused()
    site.env["HORN_ACTOR"] = "bob"
    refused = await site.deploy()
    assert "everything is locked by ada" in refused.out
    del site.env["HORN_ACTOR"]
    assert (await site.horn("continue", "--everything")).status == 0
    assert (await site.end(deploying)).status == 0
    assert site.pages() == ["one"] * 6


async def test_a_wave_that_fails_leaves_later_waves_untouched_and_goes_back(site: Site) -> None:
    assert (await site.deploy()).status == 0
    site.commit("two")
    site.config["environments"]["production"]["waves"] = [1, "50%"]
    site.config["commands"]["restart"] = [
        'echo x >>"$HOME/restarts"; case "$HOME" in *web1.us) exit 1;; esac'
    ]
    done = await site.deploy("--json")
    assert done.json["deploy"]["state"] == "rolled_back"
    assert (done.json["deploy"]["wave"], done.json["deploy"]["waves"]) == (2, 3)
    assert sorted(states(done)) == ["removed"] * 3 + ["reverted"] * 3
    assert site.pages() == ["one"] * 6
    restarted = [name for name in site.names if (site.fleet.home(name) / "restarts").exists()]
    assert restarted == ["web1.eu", "web1.us", "web1.ap"]


async def test_waves_follow_each_other_and_each_switches_together(site: Site) -> None:
    site.config["environments"]["production"]["waves"] = {"by": "region", "order": ["us"]}
    site.config["commands"]["restart"] = ['echo "$(basename "$HOME")" >>"$ORDER"']
    site.config["env"] = {"ORDER": str(site.folder / "order")}
    done = await site.deploy()
    assert done.status == 0
    assert site.pages() == ["one"] * 6
    order = [name.split(".")[1] for name in (site.folder / "order").read_text().split()]
    assert order == ["us", "us", "eu", "eu", "ap", "ap"]
    assert "wave 3 of 3: 2 hosts" in done.out


async def test_a_tolerated_failure_after_the_flip_leaves_that_host_behind(site: Site) -> None:
    site.config["environments"]["production"]["max_failures"] = 1
    site.config["commands"]["restart"] = [WORKS_BUT_ON_US2]
    done = await site.deploy()
    assert done.status == 0
    assert "1 of 6 hosts are not as they should be" in done.out
    assert site.pages() == ["one"] * 6


async def test_a_person_decides_between_waves(site: Site) -> None:
    site.config["environments"]["production"]["waves"] = {"sizes": [2], "pause": True}
    deploying = await site.start("deploy", "production", "--yes")
    await site.until(lambda: sorted(site.pages()) == [""] * 4 + ["one"] * 2)
    await site.paused()
    assert (await site.horn("continue", "1")).status == 0
    done = await site.end(deploying)
    assert done.status == 0
    assert "wave 2 of 2 waits for a person" in done.out
    assert "ada says: go on" in done.out
    assert site.pages() == ["one"] * 6


async def test_a_person_takes_a_paused_deploy_back(site: Site) -> None:
    site.config["environments"]["production"]["waves"] = {"sizes": [2], "pause": True}
    deploying = await site.start("deploy", "production", "--yes", "--json")
    await site.paused()
    assert (await site.horn("stop", "1")).status == 0
    done = await site.end(deploying)
    assert done.json["deploy"]["state"] == "stopped"
    assert sorted(states(done)) == ["removed"] * 4 + ["reverted"] * 2
    assert site.pages() == [""] * 6


async def test_a_person_may_leave_hosts_as_they_are(site: Site) -> None:
    site.config["environments"]["production"]["waves"] = {"sizes": [2], "pause": True}
    deploying = await site.start("deploy", "production", "--yes", "--json")
    await site.paused()
    assert (await site.horn("stop", "1", "--leave")).status == 0
    done = await site.end(deploying)
    assert done.json["deploy"]["state"] == "stopped"
    assert sorted(states(done)) == ["removed"] * 4 + ["restarted"] * 2
    assert sorted(site.pages()) == [""] * 4 + ["one"] * 2


async def test_a_person_is_asked_about_failures_where_the_config_says_so(site: Site) -> None:
    site.config["environments"]["production"]["on_failure"] = "pause"
    site.config["commands"]["restart"] = [WORKS_BUT_ON_US2]
    deploying = await site.start("deploy", "production", "--yes", "--json")
    paused = await site.paused()
    assert paused["pause_reason"].startswith("SH602 1 of 6 hosts went wrong after the flip: web2.us: ")
    assert site.pages() == ["one"] * 6
    assert (await site.horn("continue", "1")).status == 0
    done = await site.end(deploying)
    assert done.json["deploy"]["state"] == "succeeded"
    assert sorted(states(done)) == ["broken"] + ["done"] * 5


async def test_a_person_who_is_asked_can_take_the_deploy_back(site: Site) -> None:
    site.config["environments"]["production"]["on_failure"] = "pause"
    site.config["commands"]["restart"] = [WORKS_BUT_ON_US2]
    deploying = await site.start("deploy", "production", "--yes", "--json")
    await site.paused()
    assert (await site.horn("stop", "1")).status == 0
    done = await site.end(deploying)
    assert (done.json["deploy"]["state"], states(done)) == ("rolled_back", ["reverted"] * 6)
    assert site.pages() == [""] * 6


async def test_a_pause_that_nobody_ends_takes_the_deploy_back(site: Site) -> None:
    site.config["environments"]["production"] |= {
        "waves": {"sizes": [2], "pause": True},
        "pause_timeout": 1,
    }
    done = await site.deploy("--json")
    assert done.json["deploy"]["state"] == "stopped"
    assert done.json["deploy"]["message"] == "the time limit of the pause stopped the deploy."
    assert site.pages() == [""] * 6


async def test_a_pause_waits_for_hosts_at_work_and_begins_on_no_other(site: Site) -> None:
    site.config["environments"]["production"]["concurrency"] = 1
    site.config["commands"]["stage"] = [WAIT]
    deploying = await site.start("deploy", "production", "--yes")
    first = [site.fleet.home(name) / "waiting" for name in site.names]
    await site.until(lambda: any(path.exists() for path in first))
    assert (await site.horn("pause", "1")).status == 0
    await asyncio.sleep(1)  # the wish is read each half second
    site.touch_everywhere("go")
    await site.paused()
    assert sum(path.exists() for path in first) < 6
    assert (await site.horn("continue", "1")).status == 0
    assert (await site.end(deploying)).status == 0
    assert site.pages() == ["one"] * 6


async def test_a_stop_during_the_restart_ends_its_commands_and_goes_back(site: Site) -> None:
    assert (await site.deploy()).status == 0
    site.commit("two")
    site.config["commands"]["restart"] = [
        '[ "$HORN_REVISION" = "$OLD" ] || { ' + WAIT + '; echo late >>"$HOME/late"; }'
    ]
    site.config["env"] = {"OLD": site.git("rev-parse", "HEAD~1")}
    deploying = await site.start("deploy", "production", "--yes", "--json")
    await site.until(lambda: site.everywhere("waiting"))
    assert (await site.horn("stop", "2")).status == 0
    done = await site.end(deploying)
    assert (done.json["deploy"]["state"], states(done)) == ("stopped", ["reverted"] * 6)
    assert site.pages() == ["one"] * 6
    site.touch_everywhere("go")
    site.config["commands"]["restart"] = []
    assert (await site.deploy()).status == 0
    assert not any((site.fleet.home(name) / "late").exists() for name in site.names)


async def test_a_stop_during_the_build_ends_its_command(site: Site) -> None:
    site.config["commands"]["build"] = [f"echo $$ >{site.folder}/pid; exec sleep 600"]
    deploying = await site.start("deploy", "production", "--yes")
    await site.until((site.folder / "pid").exists)
    assert (await site.horn("stop", "1")).status == 0
    done = await site.end(deploying)
    assert done.status == 6
    assert "ada stopped the deploy" in done.out
    pid = (site.folder / "pid").read_text().strip()
    assert not (site.folder / "/proc" / pid).exists()


async def test_a_host_that_cannot_be_switched_back_is_named(site: Site) -> None:
    assert (await site.deploy()).status == 0
    site.commit("two")
    site.config["environments"]["production"]["waves"] = {"by": "region", "pause": True}
    deploying = await site.start("deploy", "production", "--yes", "--json")
    await site.paused()
    site.fleet.faults["web2.eu"] = Fault(refuse=True)
    site.fleet.drop("web2.eu")
    assert (await site.horn("stop", "2")).status == 0
    done = await site.end(deploying)
    assert (done.json["deploy"]["state"], done.json["deploy"]["code"]) == ("failed", "SH608")
    assert "1 of 2 hosts could not be switched back: web2.eu: unreachable" in done.json["deploy"]["message"]
    assert site.pages() == ["one", "two", "one", "one", "one", "one"]


async def test_what_failed_makes_room_before_what_was_good(site: Site) -> None:
    site.config["keep_releases"] = 3
    good = [(await site.deploy("--json")).json["deploy"]["release"] for _ in range(2)]
    site.config["commands"]["restart"] = ["exit 1"]
    for text in ("bad", "worse"):
        site.commit(text)
        assert (await site.deploy()).status == 6
        assert (await site.horn("unlock", "production")).status == 0
    site.config["commands"]["restart"] = []
    site.commit("good")
    good.append((await site.deploy("--json")).json["deploy"]["release"])
    assert site.releases() == {tuple(good)}
