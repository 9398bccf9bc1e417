"""How endpoints are made: on which hosts, by which name, for how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shiphorn.config.endpoints import longest_name, url_of
from shiphorn.config.load import Config
from shiphorn.config.near import near
from shiphorn.config.schema import EndpointsEntry
from shiphorn.deploy import resolve
from shiphorn.deploy.world import World
from shiphorn.errors import Refused
from shiphorn.model.deploy import Deploy
from shiphorn.model.endpoints import Endpoint, EndpointState, is_endpoint, names_for
from shiphorn.model.graph import RefKind
from shiphorn.model.times import ahead, span
from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: a branch, where (an environment, "" for the only one that has endpoints), how long.

    `origin` is the pull request that asks for it, "" for people.
    """

    branch: str
    environment: str = ""
    ttl_seconds: float | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint, the deploy that brings the branch to it, and whether it is a new one."""

    endpoint: Endpoint
    deploy: Deploy
    is_new: bool


def environment_for(config: Config, wanted: str = "") -> str:
    """The environment whose hosts endpoints go to. Raises ConfigError SH110, Refused SH930."""
    if wanted:
        keys_of(config, wanted)
        return wanted
    found = [name for name in config.environments if config.endpoints(name) is not None]
    if not found:
        raise Refused(
            "SH930",
            f"branches of {config.app} get no endpoints: no environment has `endpoints`.",
            hint=f"Say in {config.path.name} how, for staging: see docs/endpoints.md.",
        )
    if len(found) > 1:
        raise Refused(
            "SH930",
            f"{config.app} has endpoints in {', '.join(found)}; it is not said which is meant.",
            hint=f"Name one: --environment {found[0]}",
        )
    return found[0]


def keys_of(config: Config, environment: str) -> EndpointsEntry:
    """How branches get endpoints in an environment. Raises ConfigError SH110, Refused SH930."""
    config.environment(environment)
    found = config.endpoints(environment)
    if found is None or is_endpoint(environment):
        raise Refused(
            "SH930",
            f"branches get no endpoints in {environment} of {config.app}.",
            hint=f"Say in {config.path.name} how: see `endpoints` of an environment.",
        )
    return found


async def make(world: World, config: Config, owner: str, wanted: Wanted, now: float) -> tuple[Endpoint, bool]:
    """Put the endpoint of a branch on record; one that it has stays longer. Whether it is a new one.

    Raises SourceError, ConfigError SH183, Refused SH930 to SH934, SH936.
    """
    environment = environment_for(config, wanted.environment)
    keys = keys_of(config, environment)
    until = now + lifetime(keys, wanted.ttl_seconds)
    await require_branch(world, config, wanted.branch)
    return _put(world.store, config.app, environment, keys, owner, wanted, (now, until))


def lifetime(keys: EndpointsEntry, wanted: float | None) -> float:
    """For how many seconds an endpoint stays. Raises Refused SH934."""
    if wanted is None:
        return keys.ttl
    if not 60 <= wanted <= keys.longest:
        raise Refused(
            "SH934",
            f"an endpoint may stay for a minute to {span(keys.longest)}, not for {span(max(0.0, wanted))}.",
            hint="It can be extended later on: horn endpoint extend",
        )
    return wanted


async def require_branch(world: World, config: Config, branch: str) -> None:
    """Raises SourceError SH203 for what the repository lacks, Refused SH931 for what is no branch."""
    source = world.source(config)
    await resolve.find(source, branch)
    branches = [ref.name for ref in (await source.refs()).all if ref.kind == RefKind.BRANCH]
    if branch not in branches:
        meant = near(branch, branches)
        raise Refused(
            "SH931",
            f"{config.app} has no branch {branch}.",
            hint=f"Did you mean {meant}?" if meant else "An endpoint follows a branch; push one.",
        )


def _put(
    store: Store,
    app: str,
    environment: str,
    keys: EndpointsEntry,
    owner: str,
    wanted: Wanted,
    time: tuple[float, float],
) -> tuple[Endpoint, bool]:
    now, until = time
    for _ in range(10):
        everywhere = store.endpoints.there()
        here = [one for one in everywhere if (one.app, one.environment) == (app, environment)]
        for one in here:
            if one.branch == wanted.branch:
                return _again(store, one, until, now), False
        _require_room(keys, here, environment, now)
        name, url = next(_free_names(keys, app, environment, wanted.branch, everywhere))
        made = store.endpoints.add(
            Endpoint(
                id=0,
                app=app,
                environment=environment,
                branch=wanted.branch,
                name=name,
                url=url,
                owner=owner,
                created_at=now,
                expires_at=until,
                port=_free_port(keys, environment, store.endpoints.ports()),
                origin=wanted.origin,
            )
        )
        if made is not None:
            return made, True
        # Somebody took the name, the port, or made the same since we looked.
    raise Refused("SH936", "others make endpoints all the time.", hint="Try again.")


def _again(store: Store, found: Endpoint, until: float, now: float) -> Endpoint:
    if found.state == EndpointState.REMOVING:
        raise Refused(
            "SH932",
            f"{found.full_name} of {found.app} is being removed.",
            hint="Make it again once it is gone: horn endpoint list",
            facts={"problem": found.problem},
        )
    if found.expires_at >= until:
        return found
    if not store.endpoints.extend(found.id, until):
        return _again(store, store.endpoints.get(found.id) or found, until, now)
    return replace(found, expires_at=until)


def _require_room(keys: EndpointsEntry, here: Sequence[Endpoint], environment: str, now: float) -> None:
    if len(here) < keys.max:
        return
    first = min(here, key=lambda one: one.expires_at)
    raise Refused(
        "SH933",
        f"{environment} has {len(here)} endpoints, and may have {keys.max}.",
        hint=f"Remove one: horn endpoint remove {first.name} (of {first.owner}, until "
        f"{ahead(first.expires_at, now)})",
        facts={"endpoints": [one.name for one in here]},
    )


def _free_names(
    keys: EndpointsEntry, app: str, environment: str, branch: str, there: Sequence[Endpoint]
) -> Iterator[tuple[str, str]]:
    longest = longest_name(keys, app, environment)
    names = {one.name for one in there if (one.app, one.environment) == (app, environment)}
    urls = {one.url for one in there}
    for name in names_for(app, environment, branch, longest):
        url = url_of(keys, app, environment, name)
        if name not in names and url not in urls:
            yield name, url
    raise Refused("SH936", f"every name for {branch} is taken.", hint="Give the branch another name.")


def _free_port(keys: EndpointsEntry, environment: str, taken: set[int]) -> int:
    if keys.ports is None:
        return 0
    first, last = keys.ports
    for port in range(first, last + 1):
        if port not in taken:
            return port
    raise Refused(
        "SH936",
        f"all ports for endpoints of {environment} are taken, {first} to {last}.",
        hint="Remove an endpoint, or widen `ports` of `endpoints`.",
    )
