"""The table at the end of a run: where the deployer died, and whether deploys ended as if it had not."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each scenario on each database: how many points, how many runs, and what came of them."""
    runs: Counter[tuple[str, str]] = Counter()
    points: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    failed: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            known = dict(report.user_properties)
            if "scenario" not in known or (outcome == "passed" and report.when != "call"):
                continue
            key = (known["scenario"], known["database"])
            runs[key] += 1
            points[key] |= set(known["points"].split(", "))
            if outcome == "failed":
                failed[key].append(known["points"])
    if not runs:
        return
    terminalreporter.section("the deployer died at")
    terminalreporter.write_line(f"{'scenario':<14} {'database':<11} {'points':>6} {'runs':>5}  result")
    for key in sorted(runs):
        name, database = key
        ended = f"{len(failed[key])} differ: {'; '.join(failed[key])}" if failed[key] else "as if undisturbed"
        terminalreporter.write_line(
            f"{name:<14} {database:<11} {len(points[key]):>6} {runs[key]:>5}  {ended}"
        )
