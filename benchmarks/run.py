"""Measure horn beside Capistrano and plain ssh, in one run, on fleets of real OpenSSH hosts.

The fleets, the peers and the measuring come from the lab, a folder beside this repository (or
HORN_LAB). It needs root: each host is a real sshd session with its own root directory, and round-trip
times are true. "floor" is one plain `ssh host sh` per host with the tar on stdin: it has no barrier, no
check and no way back, so nothing can be much faster. It uses the same key exchange as horn (+kex).

    make bench                              # all fleets
    make bench ARGS='--fleet wan12 --rounds 3'
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAB = Path(os.environ.get("HORN_LAB", HERE.parent.parent / "shared" / "lab"))
REGIONS = "eu:10,us:80,ap:180"
FLEETS = {
    "wan12": ("wan", 12, REGIONS),
    "local10": ("loopback", 10, ""),
    "local50": ("loopback", 50, ""),
    "local200": ("loopback", 200, ""),
}
FLOOR, CAPISTRANO = "floor:one+kex", "capistrano"
COLUMNS = (
    ("wall s", "wall_s", "{:.2f}"),
    ("client CPU ms/host", "client_cpu_s", "{:.1f}"),
    ("peak MB", "peak_rss_mb", "{:.0f}"),
    ("executions/host", "cmds_per_host", "{:.0f}"),
    ("connections/host", "conns_per_host", "{:.0f}"),
    ("flip skew ms", "flip_skew_s", "{:.0f}"),
)


def main() -> int:
    """Exit status: 0 when everything could be measured, and horn deployed right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fleet", action="append", choices=FLEETS, help="which fleets; all if left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-capistrano", action="store_true")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    given = parser.parse_args()
    if not (LAB / "measure.py").exists():
        print(f"There is no lab at {LAB}. Set HORN_LAB.", file=sys.stderr)
        return 7
    if os.getuid() != 0:
        print("The lab's fleets need root.", file=sys.stderr)
        return 7
    all_right = True
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for name in given.fleet or FLEETS:
        figures[name] = measure(name, given.rounds, capistrano=not given.without_capistrano)
        all_right &= show(name, figures[name])
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))
    return 0 if all_right else 1


def measure(fleet: str, rounds: int, *, capistrano: bool) -> dict[str, dict[str, float]]:
    """Tool -> figure -> median, of one fleet."""
    flavour, count, regions = FLEETS[fleet]
    env = os.environ | {"LAB_FLAVOUR": flavour}
    tools = [f"horn={sys.executable} {HERE / 'horn_on_lab.py'} {{hosts}} {{rev}}", FLOOR]
    tools += [CAPISTRANO] if capistrano else []
    subprocess.run([LAB / "fleet.sh", "up", str(count), *([regions] if regions else [])], env=env, check=True)
    try:
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = [
                sys.executable,
                LAB / "measure.py",
                "--rounds",
                str(rounds),
                "--out",
                file.name,
                *tools,
            ]
            subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
            runs = json.loads(Path(file.name).read_text())
    finally:
        subprocess.run([LAB / "fleet.sh", "down"], env=env, check=False)
    return {row["tool"]: row for row in runs["update"]}


def show(fleet: str, tools: dict[str, dict[str, float]]) -> bool:
    """Print one fleet; whether horn deployed right."""
    _, count, regions = FLEETS[fleet]
    print(f"\n{count} hosts" + (f", round trips {regions} ms" if regions else ", no latency"))
    print(f"  {'':<14}" + "".join(f"{title:>20}" for title, *_ in COLUMNS))
    for tool, row in tools.items():
        cells = [_cell(row, key, form, count) for _, key, form in COLUMNS]
        print(
            f"  {tool:<14}" + "".join(f"{cell:>20}" for cell in cells) + ("" if row["ok"] else "  NOT RIGHT")
        )
    horn = tools["horn"]
    for peer in (FLOOR, CAPISTRANO):
        if peer in tools:
            ratios = ", ".join(
                f"{title} {horn[key] / tools[peer][key]:.2f}"
                for title, key, _ in COLUMNS[:3]
                if tools[peer][key]
            )
            print(f"  horn / {peer}: {ratios}")
    return bool(horn["ok"])


def _cell(row: dict[str, float], key: str, form: str, count: int) -> str:
    value = row.get(key)
    if value is None:  # a tool that failed has switched nothing
        return "-"
    scale = {"client_cpu_s": 1000 / count, "flip_skew_s": 1000}.get(key, 1)
    return form.format(value * scale)


if __name__ == "__main__":
    sys.exit(main())
