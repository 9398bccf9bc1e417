"""The scripts, run by real shells on real folders."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shiphorn.model.settings import Command
from shiphorn.remote import scripts
from shiphorn.remote.answers import (
    Live,
    clock_offset,
    outputs_of,
    parse_flipped,
    parse_inspect,
    parse_probe,
    problems_of,
)
from shiphorn.remote.scripts import HostPlan
from tests.programs import end_all_of
from tests.remote.host import SHELLS, ScriptHost, pack, plan_for

FILES = {"index.txt": "hello", "bin/run": "#!/bin/sh\n"}


@pytest.fixture(params=list(SHELLS))
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ScriptHost]:
    made = ScriptHost(tmp_path / "home", request.param)
    yield made
    made.end()
    end_all_of(tmp_path)


def stage(host: ScriptHost, plan: HostPlan, *commands: Command, files: dict[str, str] = FILES) -> list[str]:
    """Stage a release; the codes of what went wrong."""
    packing, data = pack(files)
    reply = host.run(scripts.prepare(plan, packing, commands), data)
    return [problem.code for problem in problems_of(reply)]


def flip(host: ScriptHost, plan: HostPlan, *commands: Command, word: bytes = b"go now\n") -> list[str]:
    """Flip a host; the codes of what went wrong."""
    host.send(scripts.flip(plan, commands))
    host.wait_for("armed")
    host.say(word)
    return [problem.code for problem in problems_of(host.reply())]


def deploy(host: ScriptHost, number: int, **changes: object) -> HostPlan:
    plan = plan_for(number, **changes)
    assert stage(host, plan) == []
    assert flip(host, plan) == []
    assert problems_of(host.run(scripts.finish(plan, ()))) == []
    return plan


def live(host: ScriptHost) -> Live:
    return parse_inspect(host.run(scripts.inspect("~/app")))


def test_a_deploy_leaves_the_layout_of_capistrano(host: ScriptHost) -> None:
    deploy(host, 1, shared_dirs=("log", "tmp/up loads"))
    release = host.base / "releases" / "20261124120001"
    assert os.readlink(host.base / "current") == str(release)
    assert (release / "index.txt").read_text() == "hello"
    assert (release / "REVISION").read_text() == "6957bb87" * 5 + "\n"
    assert os.readlink(release / "tmp/up loads") == str(host.base / "shared/tmp/up loads")
    assert (host.base / "revisions.log").read_text() == (
        f"Branch main (at {'6957bb87' * 5}) deployed as release 20261124120001 by ada\n"
    )
    assert live(host) == Live("20261124120001", "6957bb87" * 5, ("20261124120001",))


def test_a_directory_deployed_by_capistrano_is_taken_over(host: ScriptHost) -> None:
    old = host.base / "releases" / "20200101000000"
    old.mkdir(parents=True)
    (old / "REVISION").write_text("abc\n")
    (host.base / "current").symlink_to(old)
    facts = parse_probe(host.run(scripts.probe(plan_for(1), needed_bytes=1)))
    assert (facts.kind, facts.live_release, facts.live_revision) == ("release", "20200101000000", "abc")
    deploy(host, 1)
    assert live(host).releases == ("20200101000000", "20261124120001")


def test_the_probe_changes_nothing_and_tells_what_is_there(host: ScriptHost) -> None:
    reply = host.run(scripts.probe(plan_for(1), needed_bytes=1))
    facts = parse_probe(reply)
    assert (facts.base, facts.exists, facts.writable, facts.kind) == (str(host.base), False, True, "absent")
    assert {"tar", "gzip", "zstd", "setsid"} <= facts.tools
    assert facts.free_bytes > 1_000_000
    assert problems_of(reply) == []
    assert list(host.home.iterdir()) == []


def _make(host: ScriptHost, kind: str) -> None:
    host.base.mkdir()
    current = host.base / "current"
    if kind == "directory":
        current.mkdir()
    elif kind == "file":
        current.write_text("")
    elif kind == "dangling":
        current.symlink_to(host.base / "releases" / "gone")
    else:
        current.symlink_to(host.home)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("directory", "SH404"), ("file", "SH404"), ("dangling", "SH405"), ("outside", "SH406")],
)
def test_a_current_that_is_not_ours_is_refused_and_left_alone(host: ScriptHost, kind: str, code: str) -> None:
    _make(host, kind)
    reply = host.run(scripts.probe(plan_for(1), needed_bytes=1))
    assert [problem.code for problem in problems_of(reply)] == [code]
    assert stage(host, plan_for(1)) == [code]
    assert (host.base / "current").is_symlink() == (kind in ("dangling", "outside"))
    assert not (host.base / "releases").exists()


def test_missing_shared_files_and_full_disks_are_told_by_the_probe(host: ScriptHost) -> None:
    plan = plan_for(1, shared_files=("config/app.env", "config/db.yml"))
    reply = host.run(scripts.probe(plan, needed_bytes=10**18))
    assert [(one.code, one.group) for one in problems_of(reply)] == [
        ("SH402", "disk full"),
        ("SH407", "linked file missing"),
    ]
    assert parse_probe(reply).missing_shared_files == ("config/app.env", "config/db.yml")


def test_a_shared_path_takes_the_place_of_what_the_release_has_there(host: ScriptHost) -> None:
    (host.base / "shared/config").mkdir(parents=True)
    (host.base / "shared/config/app.env").write_text("kept")
    plan = plan_for(1, shared_files=("config/app.env",), shared_dirs=("log",))
    assert stage(host, plan, files={"config/app.env": "from git", "log/x": "from git"}) == []
    assert (host.base / "releases/20261124120001/config/app.env").read_text() == "kept"
    assert list((host.base / "shared/log").iterdir()) == []


def test_a_link_in_the_repository_cannot_lead_a_shared_path_out_of_the_release(host: ScriptHost) -> None:
    outside = host.home / "outside"
    outside.mkdir()
    (outside / "uploads").write_text("precious")
    plan = plan_for(1, shared_dirs=("tmp/uploads",))
    assert stage(host, plan, files={"tmp": f"->{outside}"}) == ["SH415"]
    assert (outside / "uploads").read_text() == "precious"


def test_the_release_is_unpacked_from_gzip_too(host: ScriptHost) -> None:
    packing, data = pack(FILES, "gzip")
    assert problems_of(host.run(scripts.prepare(plan_for(1), packing, ()), data)) == []
    assert (host.base / "releases/20261124120001/index.txt").read_text() == "hello"


def test_large_releases_arrive_whole(host: ScriptHost) -> None:
    noise = "".join(f"{number * 7919 % 1000003:x}" for number in range(200_000))
    assert stage(host, plan_for(1), files={"noise": noise}) == []
    assert (host.base / "releases/20261124120001/noise").read_text() == noise


def test_damage_in_transit_is_found(host: ScriptHost) -> None:
    packing, data = pack(FILES)
    damaged = data[:-1] + bytes([data[-1] ^ 1])
    reply = host.run(scripts.prepare(plan_for(1), packing, ()), damaged)
    assert [problem.code for problem in problems_of(reply)] == ["SH412"]
    assert not (host.base / "releases/20261124120001").exists()


def test_without_the_word_nothing_flips_and_nothing_is_left(host: ScriptHost) -> None:
    first = deploy(host, 1)
    second = plan_for(2)
    assert stage(host, second) == []
    assert flip(host, second, word=b"stop\n") == []
    assert host.run(scripts.undo(second)).first("undone")
    assert live(host) == Live(first.release, first.revision, (first.release,))
    assert sorted(path.name for path in (host.base / ".horn").iterdir()) == [
        "fence",
        "runs",
        "trash",
        "unfinished",
        "unproven",
    ]


def test_a_connection_lost_while_armed_flips_nothing(host: ScriptHost) -> None:
    first = deploy(host, 1)
    second = plan_for(2)
    assert stage(host, second) == []
    host.send(scripts.flip(second, ()))
    host.wait_for("armed")
    host.lose()
    host.reconnect()
    assert live(host).live_release == first.release
    deploy(host, 3)
    assert live(host).releases == (first.release, "20261124120003")
    assert list((host.base / ".horn").glob("current.*")) == []


def test_the_flip_waits_for_its_instant(host: ScriptHost) -> None:
    plan = plan_for(1)
    assert stage(host, plan) == []
    at = time.time_ns() + 300_000_000
    host.send(scripts.flip(plan, ()))
    host.wait_for("armed")
    host.say(b"go %d\n" % at)
    flipped = parse_flipped(host.wait_for("flipped"))
    host.reply()
    if flipped.at_ns:  # busybox's own date has no nanoseconds; then the word itself is timed
        assert 0 <= flipped.at_ns - at < 100_000_000
    assert not flipped.already


def test_a_flip_asked_for_again_says_so_and_restarts_once(host: ScriptHost) -> None:
    plan, restart = plan_for(1), Command("echo up >>$HOME/restarts")
    assert stage(host, plan) == []
    assert flip(host, plan, restart) == []
    host.send(scripts.flip(plan, (restart,)))
    host.say(b"go now\n")
    flipped = parse_flipped(host.wait_for("flipped"))
    reply = host.reply()
    assert flipped.already
    assert reply.first("restarted")
    assert (host.home / "restarts").read_text() == "up\n"


def test_a_rollback_keeps_what_it_left_and_says_so_in_the_log(host: ScriptHost) -> None:
    deploy(host, 1)
    deploy(host, 2)
    back = plan_for(3, release="20261124120001", is_rollback=True)
    assert flip(host, back) == []
    assert problems_of(host.run(scripts.finish(back, ()))) == []
    assert live(host).live_release == "20261124120001"
    assert live(host).releases == ("20261124120001", "20261124120002")
    assert (host.base / "revisions.log").read_text().endswith("ada rolled back to release 20261124120001\n")


def test_the_undo_of_a_rollback_removes_no_release(host: ScriptHost) -> None:
    deploy(host, 1)
    deploy(host, 2)
    back = plan_for(3, release="20261124120001", is_rollback=True)
    assert flip(host, back, word=b"stop\n") == []
    assert host.run(scripts.undo(back)).first("undone")
    assert live(host).releases == ("20261124120001", "20261124120002")


def test_old_releases_go_but_never_the_live_and_the_previous_one(host: ScriptHost) -> None:
    for number in range(1, 5):
        deploy(host, number, keep_releases=3)
    assert live(host).releases == ("20261124120002", "20261124120003", "20261124120004")
    back = plan_for(5, release="20261124120002", keep_releases=1, is_rollback=True)
    assert flip(host, back) == []
    host.run(scripts.finish(back, ()))
    assert live(host).releases == ("20261124120002", "20261124120004")


def test_folders_that_are_no_releases_are_never_cleaned_up(host: ScriptHost) -> None:
    (host.base / "releases/backup").mkdir(parents=True)
    (host.base / "releases/2020").mkdir()
    deploy(host, 1, keep_releases=1)
    deploy(host, 2, keep_releases=1)
    assert sorted(os.listdir(host.base / "releases")) == [
        "2020",
        "20261124120001",
        "20261124120002",
        "backup",
    ]


def test_an_older_deploy_is_refused_once_a_newer_one_was_seen(host: ScriptHost) -> None:
    deploy(host, 2)
    packing, data = pack(FILES)
    problems = problems_of(host.run(scripts.prepare(plan_for(1), packing, ()), data))
    assert [(one.code, one.message) for one in problems] == [
        ("SH409", f"A newer deploy has taken {host.base}: deploy 2 by ada.")
    ]


def test_what_a_dead_deploy_left_is_cleared_away(host: ScriptHost) -> None:
    dead = plan_for(1)
    assert stage(host, dead) == []
    (host.base / ".horn" / "current.1-aa").symlink_to(host.base / "releases" / dead.release)
    deploy(host, 2)
    assert live(host).releases == ("20261124120002",)
    assert list((host.base / ".horn").glob("current.*")) == []
    assert list((host.base / ".horn/unfinished").iterdir()) == []


def test_what_a_rollback_that_died_held_ready_is_cleared_away(host: ScriptHost) -> None:
    deploy(host, 1)
    (host.base / ".horn" / "current.9-dead").symlink_to("anywhere")
    deploy(host, 2)
    assert list((host.base / ".horn").glob("current.*")) == []


def test_a_finish_that_was_cut_off_goes_on_and_logs_one_line(host: ScriptHost) -> None:
    deploy(host, 1)
    plan = plan_for(2)
    assert stage(host, plan) == []
    assert flip(host, plan) == []
    log, run = host.base / "revisions.log", host.base / ".horn/runs/2-aa"
    (run / "logging").write_text(f"{log.stat().st_size}\n")
    (host.base / ".horn/trash/20261124120000.2-aa").mkdir()
    assert problems_of(host.run(scripts.finish(plan, ()))) == []
    assert problems_of(host.run(scripts.finish(plan, ()))) == []
    assert [line.split()[-3] for line in log.read_text().splitlines()] == ["20261124120001", "20261124120002"]
    assert list((host.base / ".horn/trash").iterdir()) == []


def test_a_deploy_killed_while_it_received_goes_on(host: ScriptHost) -> None:
    plan = plan_for(1)
    packing, data = pack({"noise": "x" * 300_000 + "".join(map(str, range(90_000)))})
    host.send(scripts.prepare(plan, packing, ()), data[: len(data) // 2])
    host.lose()
    host.reconnect()
    assert problems_of(host.run(scripts.prepare(plan, packing, ()), data)) == []
    assert (host.base / "releases/20261124120001/noise").stat().st_size > 300_000


def test_a_shell_that_was_left_behind_is_ended_before_its_deploy_goes_on(host: ScriptHost) -> None:
    plan = plan_for(1)
    packing, data = pack(FILES)
    host.send(scripts.prepare(plan, packing, ()), data[: len(data) // 2])
    behind = host.process
    while not list((host.base / ".horn").glob("incoming.*")):
        time.sleep(0.01)
    # Its connection still stands: it waits for the rest, and would take the file away at the end.
    host.reconnect()
    assert problems_of(host.run(scripts.prepare(plan, packing, ()), data)) == []
    assert behind.wait(timeout=5) == -signal.SIGKILL
    assert behind.stdin
    assert behind.stdout
    assert behind.stderr
    for pipe in (behind.stdin, behind.stdout, behind.stderr):
        pipe.close()
    assert host.run(scripts.inspect("~/app")).first("releases")


def test_a_release_that_another_made_is_not_overwritten(host: ScriptHost) -> None:
    theirs = host.base / "releases/20261124120001"
    theirs.mkdir(parents=True)
    (theirs / "mine").write_text("")
    assert stage(host, plan_for(1)) == ["SH411"]
    assert host.run(scripts.undo(plan_for(1))).first("undone")
    assert (theirs / "mine").exists()


def test_commands_get_the_environment_and_run_in_the_release(host: ScriptHost) -> None:
    plan = plan_for(
        1, env={"GREETING": 'it\'s "$HOME"\nand `more`', "EMPTY": ""}, secrets={"TOKEN": "s3 cr'et"}
    )
    command = Command('printf "%s|%s|%s|%s" "$PWD" "$GREETING" "$EMPTY" "$TOKEN"')
    packing, data = pack(FILES)
    reply = host.run(scripts.prepare(plan, packing, (command,)), data)
    (output,) = outputs_of(reply, (command,))
    release = host.base / "releases/20261124120001"
    assert output.output == f"{release}|it's \"$HOME\"\nand `more`||s3 cr'et"
    assert (output.phase, output.exit_status) == ("stage", 0)


def test_a_failing_command_stops_the_rest_and_keeps_its_output(host: ScriptHost) -> None:
    commands = (Command("echo one; echo two >&2; exit 3"), Command("touch $HOME/never"))
    packing, data = pack(FILES)
    reply = host.run(scripts.prepare(plan_for(1), packing, commands), data)
    (problem,) = problems_of(reply)
    assert problem.code == "SH423"
    assert problem.group == "stage command failed: echo one; echo two >&2; exit 3"
    assert problem.message == '"echo one; echo two >&2; exit 3" ended with status 3: two'
    assert outputs_of(reply, commands)[0].output == "one\ntwo\n"
    assert not (host.home / "never").exists()


def test_a_command_runs_at_most_once_even_if_asked_for_again(host: ScriptHost) -> None:
    command = Command("echo run >>$HOME/runs; echo done")
    assert stage(host, plan_for(1), command) == []
    packing, data = pack(FILES)
    reply = host.run(scripts.prepare(plan_for(1), packing, (command,)), data)
    assert outputs_of(reply, (command,))[0].output == "done\n"
    assert (host.home / "runs").read_text() == "run\n"


def test_a_command_outlives_the_connection_and_is_found_again(host: ScriptHost) -> None:
    command = Command(
        'echo begun >>$HOME/log; until [ -f "$HOME/go" ]; do sleep 0.05; done; '
        "echo ended >>$HOME/log; echo said"
    )
    packing, data = pack(FILES)
    host.send(scripts.prepare(plan_for(1), packing, (command,)), data)
    wait_until(lambda: (host.home / "log").exists())
    host.lose()
    host.reconnect()
    host.send(scripts.prepare(plan_for(1), packing, (command,)))
    host.wait_for("have")
    (host.home / "go").touch()
    reply = host.reply()
    assert problems_of(reply) == []
    assert outputs_of(reply, (command,))[0].output == "said\n"
    assert (host.home / "log").read_text() == "begun\nended\n"


def test_a_command_whose_end_is_unknown_is_not_run_again(host: ScriptHost) -> None:
    command = Command("echo run >>$HOME/log; sleep 60")
    packing, data = pack(FILES)
    host.send(scripts.prepare(plan_for(1), packing, (command,)), data)
    wait_until(lambda: (host.home / "log").exists() and (host.home / "log").read_text())
    host.lose()
    pid = (host.base / ".horn/runs/1-aa/commands/stage-0/pid").read_text().split()[0]
    os.killpg(int(pid), 9)
    host.reconnect()
    assert stage(host, plan_for(1), command) == ["SH421"]
    assert (host.home / "log").read_text() == "run\n"


def test_a_newer_deploy_ends_what_older_ones_left_working_and_takes_their_files_away(
    host: ScriptHost,
) -> None:
    first = deploy(host, 1)
    deploy(host, 2)
    # A rollback of a deployer that is gone: armed, and with a command that nobody waits for.
    back = plan_for(3, release=first.release)
    host.send(scripts.flip(back, (Command("echo $$ >$HOME/pid; sleep 600"),)))
    host.wait_for("armed")
    host.say(b"go now\n")
    wait_until((host.home / "pid").exists)
    armed, command = (int(path.read_text().split()[0]) for path in (_run(host, 3) / "pid", host.home / "pid"))
    (host.base / ".horn/incoming.3-aa").write_text("half of a release")
    (host.base / ".horn/current.3-aa").symlink_to("nowhere")
    host.lose()
    host.reconnect()
    deploy(host, 4)
    wait_until(lambda: _is_gone(armed) and _is_gone(command))
    assert sorted(os.listdir(host.base / ".horn")) == ["fence", "runs", "trash", "unfinished", "unproven"]


def test_a_command_that_was_cut_off_before_it_began_is_begun(host: ScriptHost) -> None:
    command = Command("echo run >>$HOME/log")
    (host.base / ".horn/runs/1-aa/commands/stage-0").mkdir(parents=True)
    assert stage(host, plan_for(1), command) == []
    assert (host.home / "log").read_text() == "run\n"


def test_a_command_that_began_and_said_no_more_is_not_run_again(host: ScriptHost) -> None:
    command = Command("echo run >>$HOME/log")
    (host.base / ".horn/runs/1-aa/commands/stage-0/begun").mkdir(parents=True)
    assert stage(host, plan_for(1), command) == ["SH421"]
    assert not (host.home / "log").exists()


def test_of_two_that_begin_the_same_command_one_runs_it(host: ScriptHost, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "setsid").write_text(
        f'#!/bin/sh\nuntil [ -f "{tmp_path}/go" ]; do sleep 0.02; done\nexec /usr/bin/setsid "$@"\n'
    )
    (slow / "setsid").chmod(0o755)
    first = ScriptHost(host.home, "dash", PATH=f"{slow}:{os.environ['PATH']}")
    command = Command("echo run >>$HOME/log; echo said")
    packing, data = pack(FILES)
    first.send(scripts.prepare(plan_for(1), packing, (command,)), data)
    wait_until(lambda: (host.base / ".horn/runs/1-aa/commands/stage-0/out").exists())
    host.send(scripts.prepare(plan_for(1), packing, (command,)))
    host.wait_for("have")
    (tmp_path / "go").touch()
    assert outputs_of(host.reply(), (command,))[0].output == "said\n"
    first.end()
    assert (host.home / "log").read_text() == "run\n"


def test_an_undo_ends_what_still_runs(host: ScriptHost) -> None:
    command = Command('touch $HOME/begun; until [ -f "$HOME/go" ]; do sleep 0.05; done; touch $HOME/ran')
    packing, data = pack(FILES)
    host.send(scripts.prepare(plan_for(1), packing, (command,)), data)
    wait_until((host.home / "begun").exists)
    pid = int((host.base / ".horn/runs/1-aa/commands/stage-0/pid").read_text().split()[0])
    host.lose()
    host.reconnect()
    assert host.run(scripts.undo(plan_for(1))).first("undone")
    wait_until(lambda: _is_gone(pid))


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
def test_a_command_that_takes_too_long_is_ended(host: ScriptHost, trap: str) -> None:
    command = Command(f"{trap}echo $$ >$HOME/pid; while :; do sleep 0.1; done", timeout_seconds=1)
    assert stage(host, plan_for(1), command) == ["SH420"]
    wait_until(lambda: _is_gone(int((host.home / "pid").read_text())))


FLOOD = (
    "echo first; head -c {size} /dev/zero | tr '\\0' x; "
    'wc -c <"$OUT" >"$HOME/before"; until [ -f "$HOME/go" ]; do sleep 0.05; done; echo; echo last; exit 3'
)


@pytest.mark.parametrize("way", ["at its end", "by a hole", "anew"])
def test_of_a_flood_a_head_and_a_tail_stay_on_the_host_and_in_the_log(
    host: ScriptHost, tmp_path: Path, way: str
) -> None:
    size = 20_000_000 if way == "at its end" else 60_000_000
    command = Command(FLOOD.format(size=size))
    packing, data = pack(FILES)
    out = host.base / ".horn/runs/1-aa/commands/stage-0/out"
    plan = plan_for(1, env={"OUT": str(out)})
    # The supervisor, too, is run by the shell under test.
    script = scripts.prepare(plan, packing, (command,))
    text = script.text.replace("setsid /bin/sh", f"setsid {' '.join(SHELLS[host.shell])}")
    if way == "anew":
        text = text.replace("fallocate", "no-such-program")
    host.send(replace(script, text=text), data)
    wait_until((host.home / "before").exists)
    if way != "at its end":
        wait_until(lambda: out.stat().st_blocks * 512 < 50_000_000)
    host.lose()
    (host.home / "go").touch()
    wait_until((out.parent / "status").exists)
    assert out.stat().st_size <= 8 << 20
    left = {path.name for path in out.parent.iterdir()} - {"new"}
    assert left == {"begun", "code", "out", "pid", "status"}
    host.reconnect()
    reply = host.run(script)
    (output,) = outputs_of(reply, (command,))
    assert output.exit_status == 3
    assert len(output.output) <= 8 << 20
    assert output.output.startswith("first\nxxx")
    told = re.search(r"\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n", output.output)
    assert told
    if way == "anew":
        assert size / 4 < int(told[1]) < size
        tail = output.output.replace("\n[... some more may be left out here ...]\n", "", 1)
        assert tail.endswith("xxx\nlast\n")
    else:
        assert int(told[1]) == len("first\n") + size + len("\nlast\n") - (8 << 20) + 1024
        assert output.output.endswith("xxx\nlast\n")
        assert "\0" not in output.output


def test_daemons_started_by_a_command_do_not_hold_it_up(host: ScriptHost) -> None:
    command = Command("sleep 30 & echo $! >$HOME/pid")
    began = time.monotonic()
    assert stage(host, plan_for(1), command) == []
    assert time.monotonic() - began < 10
    os.kill(int((host.home / "pid").read_text()), 9)


def test_secrets_and_commands_are_never_in_a_process_list(host: ScriptHost) -> None:
    plan = plan_for(1, secrets={"TOKEN": "hunter2hunter2"})
    command = Command("ps axww >$HOME/seen; : marker-of-the-command")
    assert stage(host, plan, command) == []
    seen = (host.home / "seen").read_text()
    assert "horn-command" in seen
    assert "hunter2" not in seen
    assert "marker-of-the-command" not in seen


def test_the_environment_file_is_read_back_by_a_shell_as_it_was(host: ScriptHost) -> None:
    values = {"A": "plain-1.0", "B": "two words", "C": 'it\'s $HOME "x" `y` \\z', "D": "line\nbreak", "E": ""}
    plan = plan_for(1, env=values, secrets={"S": "a'b"}, env_file="config/.env")
    assert stage(host, plan) == []
    path = host.base / "releases/20261124120001/config/.env"
    assert path.stat().st_mode & 0o777 == 0o600
    text = '. "$1"; printf "%s\\0" "$A" "$B" "$C" "$D" "$E" "$S"'
    read = subprocess.run(["dash", "-c", text, "x", str(path)], capture_output=True, check=True).stdout
    assert read.decode().split("\0")[:-1] == [*values.values(), "a'b"]


@pytest.mark.parametrize("name", ["-rf", "it's", "a b", "$(touch x)", "ümläut", "*"])
def test_hostile_names_survive(host: ScriptHost, name: str) -> None:
    (host.home / "marker").write_text("")
    plan = plan_for(1, deploy_to=f"~/{name}", shared_dirs=(name,))
    assert stage(host, plan, files={f"sub/{name}": "kept"}) == []
    assert flip(host, plan) == []
    assert problems_of(host.run(scripts.finish(plan, ()))) == []
    assert (host.home / name / "current" / "sub" / name).read_text() == "kept"
    assert (host.home / name / "current" / name).is_symlink()
    assert sorted(os.listdir(host.home)) == sorted(["marker", name])


def test_execute_runs_in_the_live_release_and_leaves_nothing(host: ScriptHost) -> None:
    deploy(host, 1)
    script = scripts.execute(
        "cat index.txt; exit 2", "~/app", in_current=True, env={}, secrets={}, timeout_seconds=10, user=""
    )
    reply = host.run(script)
    (output,) = outputs_of(reply, [Command("x")])
    assert (output.output, output.exit_status) == ("hello", 2)


def test_the_clock_answers_each_ping() -> None:
    samples = [(10.0, int(15.1e9), 10.4), (11.0, int(16.05e9), 11.1)]
    offset = clock_offset(samples)
    assert offset is not None
    assert (round(offset[0], 6), round(offset[1], 6)) == (5.0, 0.1)
    assert clock_offset([(1.0, 0, 1.1)]) is None


def _run(host: ScriptHost, number: int) -> Path:
    return host.base / f".horn/runs/{number}-aa"


def _is_gone(pid: int) -> bool:
    """Whether a process is dead; one that init has not fetched yet counts as such."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition: object) -> None:
    deadline = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)
