"""The table at the end of a run: each fault, how often it was tried, and whether everything held."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

PROPERTY = "fault"


ALL = os.environ.get("HORN_CHAOS") == "all"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "fault(name, more=False): what breaks in this test, in the words of the table; with `more` it is one"
        " of those that only run with HORN_CHAOS=all",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [(item, mark) for item in items if (mark := item.get_closest_marker("fault"))]
    left_out = [item for item, mark in marked if mark.kwargs.get("more") and not ALL]
    for item, mark in marked:
        item.user_properties.append((PROPERTY, mark.args[0]))
        # Each deploys several times, and waits for hosts that are gone.
        item.add_marker(pytest.mark.timeout(600))
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def sample(*values: object) -> list[object]:
    """The values of a parameter: the first one only, but all with HORN_CHAOS=all."""
    return list(values if ALL else values[:1])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found: dict[str, list[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for fault in _faults(report):
                found.setdefault(fault, []).append(outcome)
    if not found:
        return
    width = max(len(fault) for fault in found)
    terminalreporter.section("faults")
    terminalreporter.line(f"{'fault':{width}}  runs  result")
    for fault, outcomes in sorted(found.items()):
        terminalreporter.line(f"{fault:{width}}  {len(outcomes):4}  {_result(outcomes)}")


def _faults(report: object) -> Iterator[str]:
    if isinstance(report, pytest.TestReport):
        yield from (str(value) for name, value in report.user_properties if name == PROPERTY)


def _result(outcomes: list[str]) -> str:
    bad = sum(outcome in ("failed", "error") for outcome in outcomes)
    left_out = outcomes.count("skipped")
    if bad:
        return f"{bad} did not hold"
    return "left out" if left_out == len(outcomes) else "all held"
