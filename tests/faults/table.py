"""The table at the end of a run: each fault, how often it was tried, and whether everything held."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

PROPERTY = "fault"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(name): what breaks in this test, in the words of the table")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("fault")
        if mark is not None:
            item.user_properties.append((PROPERTY, mark.args[0]))


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
