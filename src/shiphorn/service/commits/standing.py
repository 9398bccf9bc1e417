"""How the commits of an app stand by what is on record: live where, bad, green or red."""

from __future__ import annotations

from collections.abc import Sequence

from shiphorn.config.load import Config
from shiphorn.model.statuses import BuildState, overall, repository_key
from shiphorn.service.commits.graph import Standing
from shiphorn.store.store import Store

_TOLD = {BuildState.SUCCESS: "passed", BuildState.FAILURE: "failed", BuildState.PENDING: "pending"}


def standing(store: Store, config: Config, environments: Sequence[str], shas: Sequence[str] = ()) -> Standing:
    """Of these environments, in their order; what builds say of the commits `shas` alone."""
    app = config.app
    rows = store.history.standings([(app, name) for name in environments]).live
    live = {name: rows[app, name].sha for name in environments if (app, name) in rows and rows[app, name].sha}
    marks = reversed(store.marks.listed(app))
    said = store.statuses.of_commits(shas, repository_key(config.repo)) if shas else {}
    checks = {sha: _TOLD[state] for sha, found in said.items() if (state := overall(found)) is not None}
    return Standing(live, {mark.sha: f"{mark.reason} ({mark.by})" for mark in marks}, checks)
