"""Render every script that hosts run, with awkward values, and have shellcheck read it."""

from __future__ import annotations

import shutil
import subprocess
import sys

from shiphorn.model.health import Check, Kind
from shiphorn.model.release import Packing
from shiphorn.model.settings import Command
from shiphorn.ports import Script
from shiphorn.remote import checks, scripts
from shiphorn.remote.driver import bootstrap
from shiphorn.remote.vhost import Vhost

PLAN = scripts.HostPlan(
    run="812-3fa9c1",
    token=1764000000000,
    release="20261124120000",
    revision="6957bb87" * 5,
    deploy_to="~/it's $HOME",
    shared_dirs=("log", "tmp/up loads"),
    shared_files=("config/app.env",),
    env={"APP_ENV": "a 'b' $(c)"},
    secrets={"TOKEN": "never shown"},
    env_file=".env",
    actor="ada",
    branch="main",
    deployer="deploy 812 by ada",
    endpoint="shop staging~it-s",
    shared_from="~/it's $HOME",
    vhost=Vhost("/etc/it's/x.conf", "root @BASE@/it's;\n", "nginx -t", "echo 'it'"),
)
COMMANDS = [Command("bin/migrate --all"), Command('echo "it\'s"', user="www-data", repeatable=True)]
CHECKS = [
    Check(Kind.HTTP, "http://x/it's?a=$b", "", body="ok", headers={"Host": "it's", "X": "$y"}),
    Check(Kind.TCP, "[2001:db8::1]:5432", ""),
    Check(Kind.COMMAND, 'bin/check "it\'s"', ""),
    Check(Kind.UNIT, "it's@$x.service", ""),
    Check(Kind.PROCESS, "shared/it's.pid", ""),
]
# SC2034: a value set ahead is not used by every script. SC2154: the nonce comes from the driver, and
# names set by eval. SC2015: `a && b || die` is meant to die of either. SC2016, SC2088 to SC2090: the
# sample values hold `$`, `~` and quotes on purpose. SC2086: fields come apart at newlines only.
ACCEPTED = "SC2015,SC2016,SC2034,SC2086,SC2088,SC2089,SC2090,SC2154,SC2317"


def rendered() -> dict[str, Script]:
    """Every script by name."""
    packing = Packing("zstd", "", "0" * 64, 123_456)
    return {
        "clock": scripts.clock(),
        "probe": scripts.probe(PLAN, needed_bytes=1_000_000),
        "prepare": scripts.prepare(PLAN, packing, COMMANDS),
        "flip": scripts.flip(PLAN, COMMANDS),
        "finish": scripts.finish(PLAN, COMMANDS),
        "undo": scripts.undo(PLAN),
        "inspect": scripts.inspect("/srv/app"),
        "remove": scripts.remove(PLAN, COMMANDS),
        "execute": scripts.execute(
            "uptime", "/srv/app", in_current=True, env={}, secrets={}, timeout_seconds=60, user=""
        ),
        "check": checks.look(PLAN, CHECKS),
        **{
            f"check_{check.kind}": Script(checks.command_of(check))
            for check in CHECKS
            if check.kind not in (Kind.COMMAND, Kind.PROCESS)
        },
        "bootstrap": Script(bootstrap("3fa9c1")),
        "supervisor": Script(
            scripts.prepare(PLAN, packing, []).text.split("SUPERVISOR='")[1].split("\n'")[0]
        ),
    }


def main() -> int:
    """Exit status: 0 when shellcheck has nothing to say."""
    if shutil.which("shellcheck") is None:
        print("SH701 shellcheck is not installed. Install it: apt-get install shellcheck", file=sys.stderr)
        return 7
    worst = 0
    for name, script in rendered().items():
        done = subprocess.run(
            ["shellcheck", "-s", "dash", "-e", ACCEPTED, "-"], input=script.text, text=True, check=False
        )
        if done.returncode:
            print(f"in the script: {name}", file=sys.stderr)
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
