"""What a person sees while hosts are watched."""

import io
import time

import pytest
from rich.console import Console

from shiphorn.cli.progress import Progress
from shiphorn.model.events import HealthChanged, HostChanged, PhaseFinished, PhaseStarted, WatchProgress


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200, soft_wrap=True)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def live(view: Progress) -> str:
    """The live line, as a terminal shows it."""
    console = Console(file=io.StringIO(), width=200)
    console.print(view)
    return printed(console).split(" s ", 1)[1].strip()


def health(outcome: str, host: str = "web1.eu") -> HealthChanged:
    return HealthChanged(1, 0.0, host, "eu", "tcp x:1", outcome, "connection refused")


def test_the_live_line_counts_healthy_hosts_and_the_bake_time(console: Console) -> None:
    view = Progress(console)
    now = time.time()
    view.take(PhaseStarted(1, now, "watch"))
    view.take(WatchProgress(1, now, {"eu": 2, "us": 1}, {"eu": 2, "us": 0}, now + 30.4))
    assert live(view) == "eu 2/2  us 0/1 healthy, 30 s of bake left"
    view.take(WatchProgress(1, now, {"eu": 2, "us": 1}, {"eu": 2, "us": 1}, now - 1))
    assert live(view) == "eu 2/2  us 1/1 healthy"
    view.take(WatchProgress(1, now, {}, {}, now + 30.4))
    assert live(view) == "30 s of bake left"
    view.take(PhaseFinished(1, now, "watch", 1.0, "3 hosts healthy, 3 checks"))
    assert printed(console) == "✓ watch      1.0 s  3 hosts healthy, 3 checks\n"


def test_what_is_not_well_is_a_line_and_is_told_once(console: Console) -> None:
    view = Progress(console)
    view.take(PhaseStarted(1, time.time(), "watch"))
    view.take(health("healthy"))
    view.take(health("red_before"))
    view.take(health("inconclusive"))
    view.take(health("unhealthy"))
    view.take(HostChanged(1, 0.0, "web1.eu", "eu", "watch", "broken", "SH431", "tcp x:1 refused", "tcp"))
    assert printed(console) == (
        "! web1.eu tcp x:1 was red before the deploy, and does not count: connection refused\n"
        "! web1.eu tcp x:1 is neither healthy nor unhealthy: connection refused\n"
        "✗ web1.eu SH431 tcp x:1 refused\n"
    )


def test_after_a_way_back_a_check_that_is_still_unhealthy_is_a_line_of_its_own(console: Console) -> None:
    view = Progress(console)
    view.take(PhaseStarted(1, time.time(), "rollback"))
    view.take(health("unhealthy"))
    assert printed(console) == "✗ web1.eu tcp x:1 is unhealthy: connection refused\n"


def test_many_that_are_not_well_are_cut_short(console: Console) -> None:
    view = Progress(console)
    view.take(PhaseStarted(1, time.time(), "watch"))
    for number in range(300):
        view.take(health("red_before", f"web{number}"))
    assert printed(console).count("\n") == 11
    assert printed(console).endswith("! ... more checks are not well\n")
