"""Whole deploys whose hosts are watched: by HTTP from here and from the hosts, by commands and pid files."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from shiphorn.deploy import watch as watch_phase
from shiphorn.deploy.deployment import Deployment, open_deployment
from shiphorn.errors import DeployFailed
from shiphorn.model.deploy import HostState
from shiphorn.wiring import open_world
from tests.deploy.conftest import Site
from tests.little_web import Web

QUICK = {"interval": "100ms", "successes": 2, "failures": 1}


def watch(site: Site, *checks: dict[str, Any], **environment: Any) -> None:
    """Have the hosts watched, often and with little patience."""
    site.config["watch"] = [{**QUICK, **check} for check in checks]
    site.config["environments"]["production"].update(environment)


def events(site: Site, kind: str, deploy: int = 1) -> list[dict[str, Any]]:
    """What happened, as it is on record."""
    from shiphorn.store.sqlite import open_sqlite
    from shiphorn.store.store import Store

    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))
    found = [body for _, body in store.records.events(deploy) if body["kind"] == kind]
    store.close()
    return found


def note(site: Site, deploy: int = 1) -> str:
    return next(str(one["note"]) for one in events(site, "phase_finished", deploy) if one["phase"] == "watch")


def outcomes(site: Site, deploy: int = 1) -> set[tuple[str, str, str]]:
    """(check, baseline, outcome) of the checks on record."""
    from shiphorn.store.sqlite import open_sqlite
    from shiphorn.store.store import Store

    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))
    found = {(one.name, str(one.baseline), str(one.outcome)) for one in store.health.of_deploy(deploy)}
    store.close()
    return found


async def test_healthy_hosts_are_told_with_the_number_of_checks(site: Site, web: Web) -> None:
    watch(
        site,
        {"http": f"http://127.0.0.1:{web.port}/{{host}}", "body": "well"},
        {"command": 'test "$(cat index.txt)" = one && test "$HORN_REVISION" = "$(cat REVISION)"'},
        {"tcp": f"{{address}}:{web.port}", "roles": ["db"]},
    )
    done = await site.deploy()
    assert done.status == 0, done.out
    assert note(site) == "6 hosts healthy, 15 checks"
    assert {f"/{name}" for name in site.names} == set(web.asked)
    assert {outcome for _, _, outcome in outcomes(site)} == {"healthy"}
    assert site.fleet.commands == dict.fromkeys(site.names, 1)


async def test_without_checks_nothing_is_watched_but_the_bake_time_passes(site: Site) -> None:
    assert (await site.deploy()).status == 0
    assert note(site) == "nothing to watch"
    watch(site, bake="1s")
    began = time.monotonic()
    assert (await site.deploy()).status == 0
    assert note(site, 2) == "baked for 1 s"
    assert time.monotonic() - began > 1


async def test_a_check_that_fails_after_the_switch_fails_the_deploy(site: Site) -> None:
    watch(site, {"command": 'case "$HOME" in *web2.us) echo no database; exit 3;; esac'})
    done = await site.deploy()
    assert done.status == 6
    assert 'web2.us SH431 command case "$HOME" in *web2.us)' in done.out
    assert "ended with status 3: no database, 2 times in a row" in done.out
    assert "SH610" in done.out
    assert "1 of 6 hosts went wrong after the switch, 0 may" in done.out


async def test_the_watch_ends_as_soon_as_too_many_are_unhealthy(site: Site, web: Web) -> None:
    web.status = 503
    watch(site, {"http": f"http://127.0.0.1:{web.port}/"}, bake="10m", max_failures=5)
    done = await site.deploy("--json")
    assert done.json["deploy"]["code"] == "SH610"
    assert done.json["deploy"]["message"] == (
        "6 of 6 hosts went wrong after the switch, 5 may: "
        f"6 hosts: http://127.0.0.1:{web.port}/ answered 503, wanted 2xx."
    )
    assert {host["state"] for host in done.json["hosts"]} == {"reverted"}


async def test_some_hosts_may_be_unhealthy_if_the_config_says_so(site: Site) -> None:
    watch(site, {"command": 'case "$HOME" in *web2.us) exit 3;; esac'}, max_failures=1)
    done = await site.deploy("--json")
    assert done.json["deploy"]["code"] != "SH610"
    assert note(site) == "5 hosts healthy, 1 unhealthy, 6 checks"


async def test_a_check_that_was_red_before_does_not_count(site: Site, web: Web) -> None:
    url = f"http://127.0.0.1:{web.port}/"
    assert (await site.deploy()).status == 0
    web.status = 500
    watch(site, {"http": url, "roles": ["db"]}, {"command": "true"})
    done = await site.deploy()
    assert done.status == 0, done.out
    assert note(site, 2) == "6 hosts healthy, 9 checks, 3 checks were red before"
    assert "was red before the deploy, and does not count: answered 500, wanted 2xx" in done.out
    assert outcomes(site, 2) == {(url, "fail", "red_before"), ("command true", "pass", "healthy")}


async def test_what_the_old_release_did_not_have_is_no_excuse(site: Site) -> None:
    assert (await site.deploy()).status == 0
    watch(site, {"command": "bin/check"})
    done = await site.deploy("--json")
    assert done.json["deploy"]["code"] == "SH610"
    assert ("command bin/check", "unclear", "unhealthy") in outcomes(site, 2)
    assert {baseline for _, baseline, _ in outcomes(site, 2)} == {"unclear"}


async def test_the_baseline_is_taken_of_the_old_release(site: Site) -> None:
    watch(site, {"command": "test $HORN_REVISION = $(cat REVISION) && cat index.txt >>$HOME/seen"})
    assert (await site.deploy()).status == 0
    site.commit("two")
    assert (await site.deploy()).status == 0
    assert outcomes(site, 2) == {(f"command {site.config['watch'][0]['command']}", "pass", "healthy")}
    assert (site.fleet.home("web1.eu") / "seen").read_text() == "oneone" + "one" + "twotwo"


async def test_a_check_that_turns_red_while_it_bakes_fails_the_deploy(site: Site) -> None:
    watch(site, {"command": 'n=$(cat "$HOME/n"); echo $((n+1)) >"$HOME/n"; test "$n" -lt 4'}, bake="10m")
    for name in site.names:
        (site.fleet.home(name) / "n").write_text("0\n")
    done = await site.deploy("--json")
    assert done.json["deploy"]["code"] == "SH610"
    assert max(int((site.fleet.home(name) / "n").read_text()) for name in site.names) >= 4


async def test_what_cannot_be_told_is_neither_good_nor_bad(site: Site) -> None:
    watch(site, {"command": 'case "$HOME" in *web1.eu) echo warming up; exit 75;; esac'})
    deploying = await site.start("deploy", "production", "--yes", "--json")
    paused = await site.paused()
    assert paused["pause_reason"].startswith(
        "SH611 1 of 6 hosts are neither healthy nor unhealthy: web1.eu: "
    )
    assert (await site.horn("continue", "1")).status == 0
    done = await site.end(deploying)
    assert done.json["deploy"]["state"] == "succeeded"
    assert {host["state"] for host in done.json["hosts"]} == {"done"}


async def test_hosts_look_themselves_when_they_are_told_to(site: Site, web: Web) -> None:
    watch(
        site,
        {
            "http": f"http://127.0.0.1:{web.port}/from-{{host}}",
            "from": "host",
            "headers": {"Host": "{region}.x"},
        },
        {"tcp": f"127.0.0.1:{web.port}", "from": "host"},
    )
    assert (await site.deploy()).status == 0
    assert note(site) == "6 hosts healthy, 12 checks"
    assert {head["User-Agent"].split("/")[0] for head in web.heads} <= {"curl", "Wget"}
    assert {head["Host"] for head in web.heads} == {"eu.x", "us.x", "ap.x"}


async def test_a_process_that_restarts_is_not_healthy(site: Site) -> None:
    site.config["shared"] = {"dirs": ["run"]}
    pid = '"$HOME/sample/shared/run/app.pid"'
    start = f"kill $(cat {pid}) 2>&1; setsid sleep 300 >/dev/null 2>&1 </dev/null & echo $! >{pid}"
    site.config["commands"]["restart"] = [start]
    watch(site, {"process": "shared/run/app.pid"})
    assert (await site.deploy()).status == 0
    # Each look finds a process that lives, and never the one before.
    watch(site, {"process": "shared/run/app.pid"}, {"command": start})
    done = await site.deploy("--json")
    for name in site.names:
        os.kill(int((site.host(name) / "shared/run/app.pid").read_text()), signal.SIGKILL)
    assert done.json["deploy"]["code"] == "SH610"
    assert "was restarted after the switch" in done.json["deploy"]["message"]


async def test_secrets_reach_checks_and_nothing_else(site: Site) -> None:
    site.env["DB_PASSWORD"] = "correct-horse-battery"
    site.config["secrets"] = {"DB": {"env": "DB_PASSWORD"}}
    site.config["env"] = {"PASSWORD": {"secret": "DB"}}
    watch(site, {"command": 'echo "refused: $PASSWORD"; exit 1'})
    done = await site.deploy()
    assert "refused: [secret]" in done.out
    for path in (site.folder / "state").rglob("*"):
        assert path.is_dir() or b"correct-horse" not in path.read_bytes()


async def test_a_watch_that_was_cut_off_goes_on_and_keeps_what_it_knew(site: Site) -> None:
    watch(
        site,
        {"command": 'echo >>"$HOME/looks"; true'},
        {"command": 'echo >>"$HOME/waited"; test -f "$HOME/go" || exit 75', "failures": 90},
    )
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: ('command echo >>"$HOME/looks"; true', "unclear", "healthy") in outcomes(site))
    await site.until(lambda: len(outcomes(site)) == 2)
    await site.kill(process)
    looks = [(site.fleet.home(name) / "looks").read_text() for name in site.names]
    site.touch_everywhere("go")
    done = await site.horn("resume", "1")
    assert done.status == 0, done.out + done.err
    assert note(site) == "6 hosts healthy, 12 checks"
    assert [(site.fleet.home(name) / "looks").read_text() for name in site.names] == looks


async def test_a_plan_tells_what_is_watched_and_looks_at_nothing(site: Site, web: Web) -> None:
    await site.deploy()
    watch(site, {"http": f"http://{{address}}:{web.port}/"}, {"command": "bin/check --all", "roles": ["db"]})
    done = await site.deploy("--plan")
    assert f"http://{{address}}:{web.port}/ from here, every 0.1 s; 2 in a row are healthy" in done.out
    assert "command bin/check --all on the host itself" in done.out
    assert "\nwatch on web1.eu, web1.us, web1.ap\n" in done.out
    assert "COMMAND='bin/check --all'" in done.out
    assert web.asked == []
    checks = (await site.deploy("--plan", "--json")).json["hosts"][0]["checks"]
    assert [check["what"] for check in checks] == [f"http://127.0.0.1:{web.port}/", "bin/check --all"]


async def test_no_http_client_is_loaded_without_http_checks(site: Site) -> None:
    watch(site, {"command": "true"})
    site.env["PYTHONPROFILEIMPORTTIME"] = "1"
    done = await site.deploy()
    assert done.status == 0
    assert "shiphorn.deploy.watch" in done.err
    assert "httpx" not in done.err


@asynccontextmanager
async def opened(site: Site, patch: pytest.MonkeyPatch, deploy: int) -> AsyncIterator[Deployment]:
    """A deploy of the site as the process that works on it has it."""
    patch.setenv("XDG_STATE_HOME", str(site.folder / "state"))
    patch.setenv("XDG_CACHE_HOME", str(site.folder / "cache"))
    async with open_world(lambda _: None) as world:
        record = world.store.deploys.get(deploy)
        assert record is not None
        deployment = open_deployment(world, record)
        yield deployment


def reverted(deployment: Deployment) -> None:
    for target in deployment.targets.values():
        target.run = replace(target.run, state=HostState.REVERTED)


async def test_hosts_that_were_switched_back_are_watched_on_what_they_run_then(
    site: Site, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(site, {"command": "grep -q one index.txt"}, {"http": f"http://127.0.0.1:{web.port}/"}, bake=0)
    assert (await site.deploy()).status == 0
    site.commit("two")
    assert (await site.deploy("--json")).json["deploy"]["code"] == "SH610"
    assert note(site, 2) == "6 hosts healthy again"
    async with opened(site, monkeypatch, 2) as deployment:
        for name in site.names:
            (site.host(name) / "current" / "index.txt").write_text("spoilt")
        assert (await watch_phase.after_rollback(deployment)).startswith(
            "6 of 6 hosts are still unhealthy: 6 hosts: command grep -q one index.txt ended with status 1"
        )
    assert ("command grep -q one index.txt", "pass", "unhealthy") in outcomes(site, 2)


async def test_hosts_that_ran_nothing_before_have_nothing_to_watch_after_a_way_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(site, {"command": "false"})
    await site.deploy()
    async with opened(site, monkeypatch, 1) as deployment:
        reverted(deployment)
        assert await watch_phase.after_rollback(deployment) == "nothing to watch"


async def test_a_watch_can_be_cancelled_while_it_waits_and_while_it_looks(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(site)
    assert (await site.deploy()).status == 0
    # The config on record is that of the deploy; with another one it has a long watch ahead.
    waits, looks = "touch $HOME/looked", "touch $HOME/looked; sleep 30"
    for check in ({"command": waits, "interval": "1h"}, {"command": looks}):
        for name in site.names:
            (site.fleet.home(name) / "looked").unlink(missing_ok=True)
        watch(site, {**check, "timeout": "1m"}, bake="10m")
        site.write_config()
        async with opened(site, monkeypatch, 1) as deployment:
            text = (site.folder / "deploy.yml").read_text()
            record = replace(deployment.record, config_text=text, flip_at=time.time())
            longer = open_deployment(deployment.world, record)
            task = asyncio.create_task(watch_phase.health(longer))
            await site.until(lambda: site.everywhere("looked"))
            task.cancel()
            began = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - began < 5


async def test_a_later_wave_watches_the_hosts_of_earlier_ones_anew(
    site: Site, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(site, {"http": f"http://127.0.0.1:{web.port}/"})
    assert (await site.deploy()).status == 0
    web.asked.clear()
    async with opened(site, monkeypatch, 1) as deployment:
        assert await watch_phase.health(deployment) == "6 hosts healthy, 6 checks"
        assert web.asked == []
        deployment.record = replace(deployment.record, flip_at=time.time())
        assert await watch_phase.health(deployment) == "6 hosts healthy, 6 checks"
        assert len(web.asked) == 12
        web.status = 500
        deployment.record = replace(deployment.record, flip_at=time.time())
        with pytest.raises(DeployFailed, match=r"SH610 . of 6 hosts went wrong after the switch"):
            await watch_phase.health(deployment)


async def test_what_went_wrong_before_is_for_others_to_judge(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(site, {"command": "true"})
    site.config["commands"]["restart"] = ['case "$HOME" in *web2.us) exit 1;; esac']
    site.config["environments"]["production"]["max_failures"] = 1
    done = await site.deploy("--json")
    assert done.err == ""
    assert done.json["deploy"]["code"] == "SH604"
    assert note(site) == "5 hosts healthy, 5 checks"
