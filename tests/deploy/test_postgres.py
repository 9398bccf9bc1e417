"""Whole deploys with their state in PostgreSQL."""

import asyncio
import signal

import pytest

from tests.deploy.conftest import Site
from tests.deploy.test_trouble import WAIT
from tests.postgres import Database


@pytest.fixture(autouse=True)
def _on_postgres(site: Site, postgres: Database) -> None:
    site.env["HORN_DATABASE"] = postgres.url


async def test_a_deploy_and_all_that_is_on_record_is_in_the_one_database(
    site: Site, postgres: Database
) -> None:
    done = await site.deploy("--json")
    assert (done.status, done.err) == (0, "")
    assert site.pages() == ["one"] * 6
    assert [one["state"] for one in (await site.horn("history", "--json")).json] == ["succeeded"]
    doctor = await site.horn("doctor")
    assert (
        f"database         postgresql://horn@127.0.0.1:{postgres.server.port}/{postgres.name}" in doctor.out
    )
    schemas = postgres.sql(
        "SELECT DISTINCT table_schema FROM information_schema.tables"
        " WHERE table_name IN ('deploys', 'workflow_status') ORDER BY 1"
    )
    assert schemas == [("dbos",), ("public",)]
    assert list((site.folder / "state").rglob("*.db*")) == []


async def test_the_next_deploy_takes_over_from_one_that_was_killed_before_its_flip(site: Site) -> None:
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    refused = await site.deploy("--no-wait")
    assert refused.err.startswith("SH501 production is locked by deploy 1 by ada since")
    await site.kill(process)
    site.config["commands"]["stage"] = []
    site.commit("two")
    done = await site.deploy("--json")
    assert done.status == 0
    assert site.pages() == ["two"] * 6
    assert site.releases() == {(done.json["deploy"]["release"],)}
    states = [one["state"] for one in (await site.horn("history", "--json")).json]
    assert states == ["succeeded", "failed", "abandoned"]


async def test_a_deploy_outlives_a_restart_of_the_server(site: Site, postgres: Database) -> None:
    site.config["commands"]["restart"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    await asyncio.to_thread(postgres.server.restart)
    refused = await site.deploy("--no-wait")
    assert refused.err.startswith("SH501 production is locked by deploy 1 by ada since")
    site.touch_everywhere("go")
    done = await site.end(process)
    assert (done.status, done.err) == (0, ""), done.out
    assert site.pages() == ["one"] * 6
    assert {(site.fleet.home(name) / "ran").read_text() for name in site.names} == {"ran\n"}


async def test_a_deploy_outlives_the_end_of_all_its_sessions(site: Site, postgres: Database) -> None:
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    assert postgres.break_connections() >= 2
    site.touch_everywhere("go")
    done = await site.end(process)
    assert (done.status, done.err) == (0, ""), done.out
    assert site.pages() == ["one"] * 6


async def test_a_deploy_whose_database_stays_away_ends_and_can_be_resumed(
    site: Site, postgres: Database
) -> None:
    site.env["HORN_DATABASE_PATIENCE"] = "2"
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    await asyncio.to_thread(postgres.server.stop)
    try:
        done = await site.end(process)
        where = f"postgresql://horn@127.0.0.1:{postgres.server.port}/{postgres.name}"
        assert done.status == 8
        assert done.err == (
            f"\nSH803 {where} has been out of reach for 2 s. What was done is on record."
            " Go on with it: horn resume NUMBER (see horn history)\n"
        )
        away = await site.horn("history")
        assert away.status == 8
        assert away.err.startswith(f"SH801 the database {where} cannot be used: connection failed: ")
    finally:
        await asyncio.to_thread(postgres.server.start)
    site.touch_everywhere("go")
    resumed = await site.horn("resume", "1")
    assert resumed.status == 0, resumed.out + resumed.err
    assert site.pages() == ["one"] * 6
    assert {(site.fleet.home(name) / "ran").read_text() for name in site.names} == {"ran\n"}


async def test_a_resumed_deploy_runs_in_the_process_that_resumed_it(site: Site) -> None:
    production = site.config["environments"]["production"]
    held = {"stage": ['touch "$HOME/held"; until [ -f "$HOME/others" ]; do sleep 0.05; done']}
    others = {
        f"other{number}": production | {"deploy_to": f"~/{number}", "commands": held} for number in (1, 2)
    }
    production |= {"commands": {"stage": [WAIT]}, "env": {"PASSWORD": {"secret": "DB"}}}
    site.config["environments"] |= others
    site.config["secrets"] = {"DB": {"env": "ONLY_HERE"}}
    running = [await site.start("deploy", name, "--yes") for name in others]
    site.env["ONLY_HERE"] = "correct-horse"
    killed = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting") and site.everywhere("held"))
    await site.kill(killed)
    site.touch_everywhere("go")
    number = next(
        str(one["id"])
        for one in (await site.horn("history", "--json")).json
        if one["order"]["environment"] == "production"
    )
    done = await site.horn("resume", number)
    assert done.status == 0, done.out + done.err
    assert site.pages() == ["one"] * 6
    site.touch_everywhere("others")
    assert [(await site.end(process)).status for process in running] == [0, 0]


@pytest.mark.parametrize("point", ["start", "stage 0:recorded#2", "close:begin"])
async def test_a_deploy_that_crashed_anywhere_is_resumed(site: Site, point: str) -> None:
    site.config["commands"]["stage"] = ['echo ran >>"$HOME/ran"']
    site.env["HORN_CRASH_AT"] = point
    assert (await site.deploy()).status == -signal.SIGKILL
    del site.env["HORN_CRASH_AT"]
    done = await site.horn("resume", "1")
    assert done.status == 0, done.out + done.err
    assert site.pages() == ["one"] * 6
    assert {(site.fleet.home(name) / "ran").read_text() for name in site.names} == {"ran\n"}
