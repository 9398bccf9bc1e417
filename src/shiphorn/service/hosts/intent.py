"""Intent: what each host should run, whatever it runs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from shiphorn.model.deploy import Deploy
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


def intended_release(shipped: Sequence[Deploy], host: Host) -> str:
    """The release of the last good deploy that covered the host; "" for none. See `resolve.shipped`."""
    return next((one.release for one in shipped if one.order.selection.matches(host)), "")


def standing_of(runs: str | None, intended: str, shipped: Sequence[Deploy]) -> Standing:
    """How a host stands that `runs` a release; "" is nothing, None not known."""
    return compared(runs, intended, known=any(one.release == runs for one in shipped))


def compared(runs: str | None, intended: str, *, known: bool) -> Standing:
    """The same, where it is `known` whether a good deploy made what the host runs."""
    if runs is None or not intended:
        return Standing.UNKNOWN
    if runs == intended:
        return Standing.AS_INTENDED
    return Standing.BEHIND if known or not runs else Standing.DRIFTED
