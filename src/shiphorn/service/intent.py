"""Intent: what each host should run, whatever it runs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from shiphorn.model.deploy import Deploy, DeployState
from shiphorn.model.target import Host


class Standing(StrEnum):
    """How what a host runs compares with what it should run."""

    AS_INTENDED = "as intended"
    BEHIND = "behind"
    """It runs nothing, or what an earlier deploy put there."""
    DRIFTED = "drifted"
    """It runs something that no deploy on record put there, or one that did not end well."""
    UNKNOWN = "unknown"
    """It could not be asked, or nothing was ever deployed to it."""


def intended_release(history: Sequence[Deploy], host: Host) -> str:
    """The release of the last good deploy that covered the host; "" for none. `history` is newest first."""
    return next((one.release for one in _good(history) if one.order.selection.matches(host)), "")


def standing_of(runs: str | None, intended: str, history: Sequence[Deploy]) -> Standing:
    """How a host stands that `runs` a release; "" is nothing, None not known."""
    if runs is None or not intended:
        return Standing.UNKNOWN
    if runs == intended:
        return Standing.AS_INTENDED
    known = {one.release for one in _good(history)}
    return Standing.BEHIND if not runs or runs in known else Standing.DRIFTED


def _good(history: Sequence[Deploy]) -> list[Deploy]:
    """The last one first: deploys get their tokens in the order of their turns."""
    good = [one for one in history if one.state == DeployState.SUCCEEDED]
    return sorted(good, key=lambda one: one.token, reverse=True)
