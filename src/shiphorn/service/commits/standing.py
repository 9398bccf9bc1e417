"""How the commits of an app stand by what is on record: which are live where, and which are bad."""

from __future__ import annotations

from collections.abc import Sequence

from shiphorn.service.commits.graph import Standing
from shiphorn.store.store import Store


def standing(store: Store, app: str, environments: Sequence[str]) -> Standing:
    """Of these environments, in their order."""
    rows = store.history.standings([(app, name) for name in environments]).live
    live = {name: rows[app, name].sha for name in environments if (app, name) in rows and rows[app, name].sha}
    marks = reversed(store.marks.listed(app))
    return Standing(live, {mark.sha: f"{mark.reason} ({mark.by})" for mark in marks})
