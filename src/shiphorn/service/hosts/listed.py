"""The fleet as it is on record: every host of every environment, what it runs and what it should run.

No host is asked; `fleet.status` does that. A host that was not seen since the last deploy to a whole
environment, and that the deploy did not go to, has left the inventory: it is not listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from heapq import nsmallest
from operator import itemgetter
from typing import NamedTuple

from shiphorn.errors import NotFound
from shiphorn.model.history import DeployRow, KnownHost, Place, Shipped, Standings, Visit
from shiphorn.model.people import Caller
from shiphorn.model.target import Host
from shiphorn.service import sight
from shiphorn.service.hosts.intent import Standing, compared
from shiphorn.store.places import Since
from shiphorn.store.store import Store


class FleetHost(NamedTuple):
    """A host of an environment, the release that it should run ("" for none), and how it stands."""

    host: KnownHost
    intended: str
    intended_sha: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class HostFilter:
    """Which hosts are wanted; an empty part wants all. `text` is a part of the name or of the release."""

    app: str = ""
    environment: str = ""
    region: str = ""
    zone: str = ""
    role: str = ""
    standing: Standing | None = None
    text: str = ""


_ANY = HostFilter()

Listing = Callable[[Store, Sequence[Place], Standings], Sequence[FleetHost]]
"""What gives all hosts of some environments: `listed`, or a `KeptFleet`."""


@dataclass(frozen=True, slots=True)
class FleetPage:
    """Some of the hosts that are wanted, by app, environment and name.

    `total` counts all of them; `standings` those that are wanted but for how they stand. `regions`, `zones`
    and `roles` count what the whole fleet has. `next` goes on behind the last of `hosts`; "" is the end.
    """

    hosts: Sequence[FleetHost]
    total: int
    standings: Mapping[Standing, int]
    regions: Mapping[str, int]
    zones: Mapping[str, int]
    roles: Mapping[str, int]
    next: str


@dataclass(frozen=True, slots=True)
class HostHistory:
    """What deploys did to a host, newest first. `next` is the number to go on before; None is the end."""

    visits: Sequence[Visit]
    next: int | None


@dataclass(frozen=True, slots=True)
class HostCounts:
    """How many hosts of an environment stand how."""

    hosts: int = 0
    behind: int = 0
    drifted: int = 0


def page(
    store: Store,
    apps: sight.Apps,
    caller: Caller,
    wanted: HostFilter,
    *,
    after: str = "",
    limit: int = 100,
    listing: Listing | None = None,
    standing_of: Callable[[Store, Sequence[Place]], Standings] | None = None,
) -> FleetPage:
    """The hosts that the caller sees; `after` is the `next` of the page before.

    A `listing` that is kept from page to page is ten times as fast as one that is made each time,
    and so is a `standing_of` that keeps how environments stand.
    """
    places = sight.seen(apps, caller)
    standings = (standing_of or _standings)(store, places)
    everything = (listing or listed)(store, places, standings)
    matching = [one for one in everything if _is_wanted(one.host, wanted)]
    stands = [one for one in matching if wanted.standing is None or one.standing == wanted.standing]
    keyed = [(key, one) for one in stands if (key := _key(one.host)) > after]
    ahead = [one for _, one in nsmallest(limit + 1, keyed, key=itemgetter(0))]
    shown = ahead[:limit]
    return FleetPage(
        shown,
        len(stands),
        Counter(one.standing for one in matching),
        Counter(one.host.region for one in everything),
        Counter(one.host.zone for one in everything if one.host.zone),
        Counter(role for one in everything for role in one.host.roles),
        _key(shown[-1].host) if len(ahead) > limit else "",
    )


def _standings(store: Store, places: Sequence[Place]) -> Standings:
    return store.history.standings(places)


def visits(
    store: Store, host: str, caller: Caller, *, before: int | None = None, limit: int = 50
) -> HostHistory:
    """The deploys that touched a host, as far as the caller sees them. Raises NotFound SH575."""
    found = store.members.visits(host, scopes=sight.scopes(caller), before=before, limit=limit + 1)
    if not found and before is None:
        raise NotFound(
            "SH575", f"no deploy on record went to a host {host}.", hint="See the fleet for names."
        )
    return HostHistory(found[:limit], found[limit - 1].deploy.id if len(found) > limit else None)


def listed(store: Store, places: Iterable[Place], standings: Standings) -> list[FleetHost]:
    """All hosts of some environments, in no order."""
    aims = _aims(store, places, standings)
    hosts = store.members.listed([since for place, one in aims.items() for since in one.since(place)])
    intents = [aims[one.app, one.environment].of(one) for one in hosts]
    known = store.members.known(
        (one.app, one.environment, one.runs)
        for one, (release, _) in zip(hosts, intents, strict=True)
        if one.runs and one.runs != release
    )
    return [
        FleetHost(one, *intent, _standing(one, intent[0], known))
        for one, intent in zip(hosts, intents, strict=True)
    ]


def counted(store: Store, places: Iterable[Place], standings: Standings) -> dict[Place, HostCounts]:
    """How many hosts stand how, by what was last seen of them.

    Where the last good deploy was to the whole environment the database counts; else hosts are looked at.
    """
    live = {place: standings.live[place] for place in places if place in standings.live}
    whole = {place: row for place, row in live.items() if not row.narrowed}
    seen = store.members.releases([(*place, row.id, row.started_at) for place, row in whole.items()])
    others = [
        (*place, name) for place, counts in seen.items() for name in counts if name != whole[place].release
    ]
    known = store.members.known(one for one in others if one[2])
    found = {
        place: tallied(
            (compared(name, whole[place].release, known=(*place, name) in known), count)
            for name, count in counts.items()
        )
        for place, counts in seen.items()
    }
    parts: dict[Place, list[tuple[Standing, int]]] = {place: [] for place in live if place not in whole}
    for one in listed(store, list(parts), standings) if parts else ():
        parts[one.host.app, one.host.environment].append((one.standing, 1))
    return found | {place: tallied(stands) for place, stands in parts.items()}


@dataclass(frozen=True, slots=True)
class _Aim:
    """What the hosts of an environment should run: of good deploys the last first, up to one to all hosts."""

    shipped: Sequence[Shipped]
    live: DeployRow | None
    last: DeployRow

    def since(self, place: Place) -> Iterable[Since]:
        """The deploy that says which hosts there are."""
        if self.live is None:
            yield (*place, self.last.id, 0.0)
        elif not self.live.narrowed:
            yield (*place, self.live.id, self.live.started_at)
        else:
            whole = next((one for one in self.shipped if one.selection.everything), None)
            yield (*place, whole.deploy_id, whole.started_at) if whole else (*place, self.live.id, 0.0)

    def of(self, host: KnownHost) -> tuple[str, str]:
        """The release that a host should run, and its commit."""
        if self.live is None:
            return "", ""
        if not self.live.narrowed:
            return self.live.release, self.live.sha
        target = Host(host.name, host.name, 0, host.region, host.zone, host.roles)
        found = next((one for one in self.shipped if one.selection.matches(target)), None)
        return (found.release, found.sha) if found else ("", "")


def _aims(store: Store, places: Iterable[Place], standings: Standings) -> dict[Place, _Aim]:
    tried = [place for place in places if place in standings.last]
    narrowed = [place for place in tried if place in standings.live and standings.live[place].narrowed]
    shipped = store.history.shipped(narrowed) if narrowed else {}
    return {
        place: _Aim(shipped.get(place, ()), standings.live.get(place), standings.last[place])
        for place in tried
    }


def _standing(host: KnownHost, intended: str, known: AbstractSet[tuple[str, str, str]]) -> Standing:
    runs = host.runs
    is_known = bool(runs) and runs != intended and (host.app, host.environment, runs) in known
    return compared(runs, intended, known=is_known)


def _is_wanted(host: KnownHost, wanted: HostFilter) -> bool:
    if wanted == _ANY:
        return True
    text = wanted.text.lower()
    return (
        wanted.app in ("", host.app)
        and wanted.environment in ("", host.environment)
        and wanted.region in ("", host.region)
        and wanted.zone in ("", host.zone)
        and (not wanted.role or wanted.role in host.roles)
        and (not text or text in host.name.lower() or text in (host.runs or "") or host.sha.startswith(text))
    )


def _key(host: KnownHost) -> str:
    return f"{host.app}/{host.environment}/{host.name}"


def tallied(stands: Iterable[tuple[Standing, int]]) -> HostCounts:
    """How many stand how, of some that are counted by that."""
    found: Counter[Standing] = Counter()
    for standing, count in stands:
        found[standing] += count
    return HostCounts(found.total(), found[Standing.BEHIND], found[Standing.DRIFTED])
