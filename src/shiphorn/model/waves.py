"""Waves: which hosts get a release first, and which only once those are well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from shiphorn.model.target import Host

ATTRIBUTES = ("region", "zone", "role")


@dataclass(frozen=True, slots=True)
class Waves:
    """How an environment is cut into waves; as it stands, all hosts are one.

    `sizes` says how many hosts have the release after each wave, as counts or shares (`1`, `10%`);
    what is left is the last wave. `per` takes these sizes within each region, zone or role at once,
    `by` makes one such group follow the other, in the `order` given and then as the inventory has them.
    `pause` waits for a person before each wave but the first.
    """

    sizes: tuple[str, ...] = ()
    per: str = ""
    by: str = ""
    order: tuple[str, ...] = ()
    pause: bool = False


def split(hosts: Sequence[Host], waves: Waves) -> list[list[Host]]:
    """The hosts of each wave. Every host is in one of them, and none is empty."""
    found: list[list[Host]] = []
    for group in _grouped(hosts, waves.by, waves.order):
        cells = [_spread(cell) for cell in _grouped(group, waves.per, waves.order)]
        before = [0] * len(cells)
        for size in (*waves.sizes, "100%"):
            reached = [max(old, count_of(size, len(cell))) for old, cell in zip(before, cells, strict=True)]
            found.append(
                [
                    host
                    for cell, old, new in zip(cells, before, reached, strict=True)
                    for host in cell[old:new]
                ]
            )
            before = reached
    return [wave for wave in found if wave]


def count_of(amount: str, total: int) -> int:
    """What `40` or `95%` is of `total` hosts; a share is rounded up."""
    if amount.endswith("%"):
        return min(total, -int(-(total * float(amount[:-1]) / 100) // 1))
    return min(total, int(amount))


def _grouped(hosts: Sequence[Host], attribute: str, order: Sequence[str]) -> list[list[Host]]:
    """The hosts by an attribute: values in `order` first, hosts without one last."""
    if not attribute:
        return [list(hosts)]
    groups: dict[str, list[Host]] = {value: [] for value in order}
    for host in hosts:
        groups.setdefault(_value(host, attribute, order), []).append(host)
    nameless = groups.pop("", [])
    return [group for group in (*groups.values(), nameless) if group]


def _value(host: Host, attribute: str, order: Sequence[str]) -> str:
    if attribute != "role":
        return host.region if attribute == "region" else host.zone
    return next((role for role in order if role in host.roles), next(iter(host.roles), ""))


def _spread(hosts: Sequence[Host]) -> list[Host]:
    """The hosts in turn from each region and, within one, from each zone: few of them stand for all."""
    by_region = _grouped(hosts, "region", ())
    return _in_turn([_in_turn(_grouped(region, "zone", ())) for region in by_region])


def _in_turn(groups: Sequence[Sequence[Host]]) -> list[Host]:
    return [host for host in chain.from_iterable(zip_longest(*groups)) if host is not None]
