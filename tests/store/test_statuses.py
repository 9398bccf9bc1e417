"""The last word of each context on a commit."""

from __future__ import annotations

from shiphorn.model.statuses import BuildState, CommitStatus, overall, repository_key
from shiphorn.store.store import Store

SHOP = "git.example.com/acme/shop"


def status(context: str, state: BuildState, at: float, **more: str) -> CommitStatus:
    return CommitStatus("a" * 40, more.get("repository", SHOP), "forge", context, state, at=at)


def test_the_last_word_of_each_context_counts_whatever_order_they_come_in(store: Store) -> None:
    store.statuses.put([status("build", BuildState.SUCCESS, 20.0), status("build", BuildState.PENDING, 10.0)])
    assert store.statuses.put([status("build", BuildState.FAILURE, 5.0)]) == []
    assert store.statuses.put([status("lint", BuildState.PENDING, 5.0)]) != []

    found = store.statuses.of_commit("a" * 40, SHOP)

    assert [(one.context, one.state) for one in found] == [("build", "success"), ("lint", "pending")]
    assert overall(found) == BuildState.PENDING


def test_another_repository_has_no_say_and_one_that_knows_no_repositories_has(store: Store) -> None:
    store.statuses.put([status("other", BuildState.SUCCESS, 1.0, repository="git.example.com/acme/blog")])
    store.statuses.put([status("any", BuildState.SUCCESS, 1.0, repository="")])

    assert [one.context for one in store.statuses.of_commit("a" * 40, SHOP)] == ["any"]


def test_a_repository_is_the_same_however_it_is_reached() -> None:
    assert repository_key("git@github.com:Acme/shop.git") == "github.com/acme/shop"
    assert repository_key("https://token@github.com/acme/shop.git") == "github.com/acme/shop"
    assert repository_key("ssh://git@github.com:22/acme/shop/") == "github.com/acme/shop"
    assert repository_key("/srv/git/shop.git") == "/srv/git/shop.git"
