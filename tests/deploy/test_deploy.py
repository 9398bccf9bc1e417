"""Whole deploys, by the command line, to a fleet of demo hosts."""

import os
import signal
from pathlib import Path

from tests.deploy.conftest import Site
from tests.programs import is_running


async def test_a_deploy_puts_the_commit_on_every_host_in_one_execution_each(site: Site) -> None:
    sha = site.git("rev-parse", "HEAD")
    done = await site.deploy("--json")
    assert (done.status, done.err) == (0, "")
    assert site.pages() == ["one"] * 6
    assert site.fleet.commands == dict.fromkeys(site.names, 1)
    deploy = done.json["deploy"]
    assert (deploy["state"], deploy["sha"], deploy["order"]["actor"]) == ("succeeded", sha, "ada")
    assert {host["state"] for host in done.json["hosts"]} == {"done"}
    assert site.releases() == {(deploy["release"],)}
    for name in site.names:
        assert (site.host(name) / "revisions.log").read_text() == (
            f"Branch main (at {sha}) deployed as release {deploy['release']} by ada\n"
        )


async def test_the_end_is_told_in_one_line_with_the_skew(site: Site) -> None:
    done = await site.deploy()
    sha = site.git("rev-parse", "HEAD")
    last = done.out.strip().splitlines()[-1]
    assert last.startswith(f"Deployed sample {sha[:8]} to production: 6 hosts in ")
    assert ", switched within " in last


async def test_what_was_built_once_is_not_built_again(site: Site) -> None:
    site.config["commands"]["build"] = ["echo built >>$OLDPWD_FILE; cp index.txt built.txt"]
    site.env["OLDPWD_FILE"] = str(site.folder / "builds")
    assert (await site.deploy()).status == 0
    assert (await site.deploy()).status == 0
    assert (site.folder / "builds").read_text() == "built\n"
    assert (site.host("web1.eu") / "current" / "built.txt").read_text() == "one"


async def test_a_build_knows_nothing_that_its_artifact_is_not_known_by(site: Site) -> None:
    site.config["commands"]["build"] = ["env | grep ^HORN_ | sort >seen; cat seen"]
    sha = (await site.deploy("--json")).json["deploy"]["sha"]
    seen = (site.host("web1.eu") / "current" / "seen").read_text().splitlines()
    assert [line for line in seen if line.split("=")[0] != "HORN_ACTOR"] == [
        "HORN_APP=sample",
        f"HORN_REVISION={sha}",
    ]


async def test_a_failing_build_touches_no_host(site: Site) -> None:
    site.config["commands"]["build"] = ["echo no such compiler; exit 9"]
    done = await site.deploy()
    assert done.status == 6
    assert (
        'the build command "echo no such compiler; exit 9" ended with status 9: no such compiler' in done.out
    )
    assert site.pages() == [""] * 6
    logs = await site.horn("logs", "1")
    assert "    no such compiler" in logs.out


async def test_one_failing_host_flips_nobody_and_leaves_nothing(site: Site) -> None:
    assert (await site.deploy()).status == 0
    before = site.releases()
    site.commit("two")
    site.config["commands"]["stage"] = ['case "$HOME" in *web2.us) echo "no such table"; exit 3;; esac']
    done = await site.deploy()
    assert done.status == 6
    assert site.pages() == ["one"] * 6
    assert site.releases() == before
    assert "1 of 6 hosts failed in stage, 6 must succeed" in done.out
    assert "ended with status 3: no such table" in done.out
    assert "5 hosts: unchanged, the new release was removed again" in done.out


async def test_failures_are_grouped_by_cause(site: Site) -> None:
    site.config["commands"]["stage"] = ["exit 4"]
    done = await site.deploy("--json")
    causes = {host["problem"]["group"] for host in done.json["hosts"]}
    assert causes == {"stage command failed: exit 4"}
    assert done.json["deploy"]["message"] == (
        "6 of 6 hosts failed in stage, 6 must succeed: 6 hosts: stage command failed: exit 4."
    )


async def test_fewer_hosts_are_enough_when_the_config_says_so(site: Site) -> None:
    site.config["environments"]["production"]["require"] = "80%"
    site.config["commands"]["stage"] = ['case "$HOME" in *web2.us) exit 3;; esac']
    done = await site.deploy()
    assert done.status == 0
    assert site.pages() == ["one", "one", "one", "", "one", "one"]
    assert "1 of 6 hosts are not as they should be" in done.out


async def test_a_once_command_runs_on_one_host_and_its_failure_fails_all(site: Site) -> None:
    site.config["commands"]["stage"] = [{"run": "touch $HOME/migrated", "once": True, "roles": ["db"]}]
    assert (await site.deploy()).status == 0
    assert [name for name in site.names if (site.fleet.home(name) / "migrated").exists()] == ["web1.eu"]
    site.config["environments"]["production"]["require"] = "50%"
    site.config["commands"]["stage"] = [{"run": "exit 1", "once": True}]
    assert (await site.deploy()).status == 6


async def test_a_current_that_is_a_directory_is_refused_before_anything_changes(site: Site) -> None:
    (site.host("web1.ap") / "current").mkdir(parents=True)
    done = await site.deploy()
    assert done.status == 6
    assert f"SH404 {site.host('web1.ap')}/current is a directory, not a link." in done.out
    assert (site.host("web1.ap") / "current").is_dir()
    assert site.pages() == [""] * 6


async def test_a_rollback_takes_all_hosts_to_the_same_release_and_keeps_the_other(site: Site) -> None:
    first = (await site.deploy("--json")).json["deploy"]["release"]
    site.commit("two")
    second = (await site.deploy("--json")).json["deploy"]["release"]
    plan = (await site.horn("rollback", "production", "--plan", "--json")).json
    assert plan["release"] == first
    assert plan["commits"] == []
    assert len(plan["removed"]) == 1
    assert list(plan["hosts"][0]["scripts"]) == ["connect", "clock", "probe", "flip", "finish", "rollback"]
    assert f"back to release {first}" in (await site.horn("rollback", "production", "--plan")).out
    done = await site.horn("rollback", "production", "--yes")
    assert done.status == 0
    assert site.pages() == ["one"] * 6
    assert site.releases() == {(first, second)}
    again = await site.horn("rollback", "production", "--yes")
    assert again.status == 6
    assert f"the hosts keep no release before {first}" in again.out
    assert (await site.horn("rollback", "production", "--yes", "--to", second)).status == 0
    assert site.pages() == ["two"] * 6


async def test_live_and_previous_name_commits(site: Site) -> None:
    await site.deploy()
    site.commit("two")
    await site.deploy()
    site.commit("three")
    assert (await site.horn("deploy", "sample@:previous", "to", "production", "--yes")).status == 0
    assert site.pages() == ["one"] * 6
    assert (await site.horn("deploy", "@:live", "production", "--yes")).status == 0
    assert site.pages() == ["one"] * 6


async def test_a_deploy_can_be_narrowed(site: Site) -> None:
    assert (await site.deploy("--region", "eu")).status == 0
    assert site.pages() == ["one", "one", "", "", "", ""]
    nobody = await site.deploy("--role", "cache")
    assert nobody.status == 6
    assert "no host of production matches role cache" in nobody.out


async def test_a_plan_changes_nothing_and_shows_what_would_run(site: Site) -> None:
    await site.deploy()
    before = _tree(site.folder / "fleet")
    site.commit("two")
    site.config["commands"]["stage"] = ["bin/migrate --all"]
    done = await site.deploy("--plan")
    assert done.status == 0
    assert _tree(site.folder / "fleet") == before
    assert "two (Ada) to production. Nothing is changed." in done.out
    assert "COMMAND='bin/migrate --all'" in done.out
    titles = [line.split(" on all 6 hosts")[0] for line in done.out.splitlines() if " on all 6 hosts" in line]
    assert titles[1:] == ["connect", "clock", "probe", "stage", "flip", "finish", "undo", "rollback"]
    assert done.out.count("# What all scripts share.") == 1
    assert "wave 1: 6 web1.eu, web2.eu, web1.us, web2.us, web1.ap, web2.ap" in done.out
    assert "not taken back: $ bin/migrate --all" in done.out
    as_json = (await site.deploy("--plan", "--json")).json
    assert [commit["subject"] for commit in as_json["commits"]] == ["two"]
    assert {host["facts"]["live_release"] for host in as_json["hosts"]} == {
        os.listdir(site.host("web1.eu") / "releases")[0]
    }


async def test_a_plan_tells_hosts_apart_by_the_lines_that_differ(site: Site) -> None:
    site.config["env"] = {"REGION": "{region}"}
    site.config["commands"]["stage"] = [{"run": "bin/migrate", "once": True}, "bin/warm"]
    out = (await site.deploy("--plan")).out
    assert "  $ bin/migrate on web1.eu\n  $ bin/warm on all 6 hosts\n" in out
    flip = out[out.index("\nflip on web1.eu, web2.eu") : out.index("\nfinish on ")]
    assert flip.count("HORN_ENV_REGION=eu") == 3
    assert (
        "flip on web1.us, web2.us, the same but for:\n  | -HORN_ENV_REGION=eu\n  | +HORN_ENV_REGION=us\n"
        in flip
    )
    hosts = (await site.deploy("--plan", "--json")).json["hosts"]
    assert {host["host"]["name"]: len(host["commands"]["stage"]) for host in hosts} == {
        **dict.fromkeys(site.names, 1),
        "web1.eu": 2,
    }
    assert "HORN_ENV_REGION=ap\n" in hosts[5]["scripts"]["flip"]


async def test_secrets_reach_commands_and_nothing_else(site: Site) -> None:
    site.env["DB_PASSWORD"] = "correct-horse-battery"
    site.config["secrets"] = {"DB": {"env": "DB_PASSWORD"}}
    site.config["env"] = {"PASSWORD": {"secret": "DB"}}
    site.config["env_file"] = ".env"
    site.config["commands"]["stage"] = ["echo password is $PASSWORD; ps axww >$HOME/seen"]
    done = await site.deploy()
    assert done.status == 0
    assert (site.host("web1.eu") / "current/.env").read_text().endswith("PASSWORD=correct-horse-battery\n")
    logs = await site.horn("logs", "1")
    assert "password is [secret]" in logs.out
    assert "correct-horse" not in done.out + done.err + logs.out
    assert "correct-horse" not in (site.fleet.home("web1.eu") / "seen").read_text()
    for path in (site.folder / "state").rglob("*"):
        assert path.is_dir() or b"correct-horse" not in path.read_bytes()


async def test_a_missing_secret_is_found_before_any_host_changes(site: Site) -> None:
    site.config["secrets"] = {"DB": {"env": "NOT_SET_ANYWHERE"}}
    site.config["env"] = {"PASSWORD": {"secret": "DB"}}
    done = await site.deploy()
    assert done.status == 6
    assert "SH130 the secret DB is not in the environment." in done.out
    assert site.pages() == [""] * 6


async def test_execute_folds_what_hosts_print(site: Site) -> None:
    await site.deploy()
    done = await site.horn(
        "exec", "production", "--", "cat index.txt; case $HOME in *web1.us) echo odd;; esac"
    )
    assert done.status == 0
    assert done.out.splitlines()[1].startswith("  web1.eu, web2.eu, web2.us, web1.ap, web2.ap ")
    assert done.out.splitlines()[3].startswith("  web1.us ")


async def test_an_interrupted_execute_leaves_nothing_running(site: Site) -> None:
    await site.deploy()
    process = await site.start(
        "exec", "production", "--", "echo $$ >$HOME/pid.new; mv $HOME/pid.new $HOME/pid; sleep 100"
    )
    await site.until(lambda: site.everywhere("pid"))
    pids = [int((site.fleet.home(name) / "pid").read_text()) for name in site.names]
    process.send_signal(signal.SIGINT)
    assert (await site.end(process)).status == 130
    await site.until(lambda: not any(is_running(pid) for pid in pids))


async def test_wrong_words_are_explained(site: Site) -> None:
    done = await site.horn("deploy", "sample", "to", "prodution", "--yes")
    assert (done.status, done.err) == (
        2,
        "SH110 deploy.yml has no environment prodution.\n  Did you mean production?\n",
    )
    other = await site.horn("deploy", "other", "to", "production", "--yes")
    assert other.status == 5
    assert other.err.startswith("SH521 ")
    ref = await site.horn("deploy", "@mian", "production", "--yes")
    assert ref.status == 6
    assert "Did you mean main?" in ref.out


def _tree(folder: Path) -> list[tuple[str, float]]:
    return sorted((str(path), path.lstat().st_mtime) for path in folder.rglob("*"))
