"""What commands printed, folded."""

from __future__ import annotations

import pytest

from shiphorn.errors import NotFound
from shiphorn.model.deploy import CommandOutput, Order
from shiphorn.service.deploys.printed import lines_of, printed, printed_by, whole
from shiphorn.store.store import Store


@pytest.fixture
def deploy_id(store: Store) -> int:
    """A deploy whose ten hosts printed the same, but for one that failed."""
    number = store.deploys.open(Order("shop", "production"), ("", ""), "", 100.0).id
    store.records.add_outputs(number, "", [CommandOutput("build", "make", 0, "built\n", 2.0)])
    for place in range(10):
        failed = place == 3
        text = "no space left\n" if failed else "Migrated\nDone\n"
        ran = [
            CommandOutput("stage", "bin/a", 0, "a\n", 0.1),
            CommandOutput("stage", "bin/migrate", int(failed), text, 1.0 + place),
        ]
        store.records.add_outputs(number, f"web{place}", ran)
    return number


def test_the_same_is_told_once_and_outliers_by_name(store: Store, deploy_id: int) -> None:
    found = printed(store, deploy_id).prints
    assert [(one.phase, one.command, one.exit_status, one.hosts, list(one.names)) for one in found] == [
        ("build", "make", 0, 1, [""]),
        ("stage", "bin/a", 0, 10, []),
        ("stage", "bin/migrate", 0, 9, []),
        ("stage", "bin/migrate", 1, 1, ["web3"]),
    ]
    assert [one.anchor for one in found] == ["L-build-1", "L-web0-2", "L-web0-3", "L-web3-3"]
    assert list(found[2].lines) == [(1, "Migrated"), (2, "Done")]
    assert found[2].seconds == 10.0


def test_a_search_keeps_what_contains_the_text_whatever_its_case(store: Store, deploy_id: int) -> None:
    assert [one.names for one in printed(store, deploy_id, "NO SPACE").prints] == [["web3"]]
    assert printed(store, deploy_id, "100%").prints == []


def test_a_long_output_is_shown_in_part_and_the_end_of_it_when_it_failed(
    store: Store, deploy_id: int
) -> None:
    text = "".join(f"line {number}\n" for number in range(1, 101))
    ran = [CommandOutput("finish", "x", 0, text, 1.0), CommandOutput("finish", "y", 1, text, 1.0)]
    store.records.add_outputs(deploy_id, "web1", ran)
    good, bad = printed(store, deploy_id).prints[-2:]
    assert (good.lines[0], good.lines[-1], good.more) == ((1, "line 1"), (60, "line 60"), True)
    assert (bad.lines[0], bad.lines[-1], bad.more) == ((41, "line 41"), (100, "line 100"), True)
    assert len(lines_of(whole(store, deploy_id, good.digest))[0]) == 100


def test_one_host_has_its_own_and_no_other_deploys_texts(store: Store, deploy_id: int) -> None:
    assert [one.command for one in printed_by(store, deploy_id, "web3")] == ["bin/a", "bin/migrate"]
    digest = printed(store, deploy_id).prints[0].digest
    with pytest.raises(NotFound, match="SH598"):
        whole(store, deploy_id + 1, digest)
