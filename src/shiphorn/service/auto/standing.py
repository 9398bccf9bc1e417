"""How environments stand that deploy by themselves, and people who stop and resume that."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from shiphorn.config.auto import AutoEntry
from shiphorn.config.load import Config
from shiphorn.errors import Refused
from shiphorn.model.auto import AutoRecord, AutoState
from shiphorn.model.history import Place
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.model.times import span
from shiphorn.service.access import require
from shiphorn.service.audit import record as audit
from shiphorn.service.auto.facts import required_contexts
from shiphorn.service.service import Service
from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class AutoStanding:
    """How an environment stands. Times are Unix seconds.

    `rule` is what goes out, and when, in words; "" where nothing goes out by itself, and only a branch is
    out, of which `branch` says what there is to say. `state` is since `at`, for this `reason`, `until` then;
    it is "" while nobody has looked. `deploy_id` is what went out by itself last.
    """

    app: str
    environment: str
    rule: str
    state: str
    reason: str
    until: float | None
    at: float | None
    deploy_id: int | None
    branch: str
    stopped_by: str

    @property
    def is_stopped(self) -> bool:
        """Whether it waits for a person."""
        return self.state == AutoState.STOPPED


def standings(store: Store, configs: Iterable[Config]) -> list[AutoStanding]:
    """Of all environments that deploy by themselves, or say something of a branch that is out."""
    records = store.auto.listed()
    found = []
    for config in configs:
        for name in config.environments:
            auto, record = config.auto(name), records.get((config.app, name))
            if auto is not None or (record is not None and record.branch):
                found.append(_standing(config, name, auto, record or AutoRecord(config.app, name)))
    return found


def listed(service: Service, caller: Caller, app: str = "") -> list[AutoStanding]:
    """Those that the caller sees, of an app or of all. Raises NotFound SH580."""
    names = [service.config(caller, app).app] if app else service.apps.names()
    found = standings(service.store, [service.apps.config(name) for name in names])
    return [one for one in found if caller.sees(Scope(one.app, one.environment))]


def by_place(found: Iterable[AutoStanding]) -> dict[Place, AutoStanding]:
    """The same, for pages that go through environments."""
    return {(one.app, one.environment): one for one in found}


def stop(service: Service, caller: Caller, app: str, environment: str, reason: str) -> None:
    """Let nothing go out by itself. Raises NotFound SH580, Forbidden SH550, Refused SH920, SH543, SH921."""
    config = service.config(caller, app, environment)
    require(caller, Role.DEPLOYER, Scope(app, environment), f"stop auto deploys of {Scope(app, environment)}")
    stop_here(service.store, caller, config, environment, reason)


def resume(service: Service, caller: Caller, app: str, environment: str, reason: str = "") -> None:
    """Let things go out by themselves again. Raises NotFound SH580, Forbidden SH550, Refused SH920, SH922."""
    config = service.config(caller, app, environment)
    require(
        caller, Role.DEPLOYER, Scope(app, environment), f"resume auto deploys of {Scope(app, environment)}"
    )
    resume_here(service.store, caller, config, environment, reason)
    service.news.tell()


def stop_here(store: Store, caller: Caller, config: Config, environment: str, reason: str) -> None:
    """The same, for whoever has the databases. Raises Refused SH920, SH543, SH921."""
    scope, now = _require_auto(config, environment), time.time()
    if not reason.strip():
        raise Refused("SH543", "it takes a reason to stop auto deploys.", hint="Others will read it.")
    latest = store.deploys.latest(config.app, environment)
    told = reason.strip()
    if not store.auto.stop(
        config.app, environment, caller.name, told, now, settled=latest.id if latest else 0
    ):
        stopped = store.auto.get(config.app, environment)
        raise Refused(
            "SH921",
            f"auto deploy of {scope} is stopped already, by {stopped.stopped_by}: {stopped.stopped_reason}.",
        )
    audit(store, caller, "stop auto deploy", scope, now, reason=told)


def resume_here(store: Store, caller: Caller, config: Config, environment: str, reason: str = "") -> None:
    """The same, for whoever has the databases. Raises Refused SH920, SH922."""
    scope, now = _require_auto(config, environment), time.time()
    stopped, latest = store.auto.get(config.app, environment), store.deploys.latest(config.app, environment)
    if not store.auto.resume(config.app, environment, now, settled=latest.id if latest else 0):
        raise Refused("SH922", f"auto deploy of {scope} is not stopped.", hint="See: horn auto status")
    facts = {"stopped by": stopped.stopped_by, "stopped for": stopped.stopped_reason}
    audit(store, caller, "resume auto deploy", scope, now, reason=reason.strip(), facts=facts)


def _require_auto(config: Config, environment: str) -> Scope:
    config.environment(environment)
    scope = Scope(config.app, environment)
    if config.auto(environment) is None:
        raise Refused(
            "SH920",
            f"nothing goes out to {scope} by itself.",
            hint=f"Have it so with auto: true below environments: {environment} in its config.",
        )
    return scope


def _standing(config: Config, name: str, auto: AutoEntry | None, record: AutoRecord) -> AutoStanding:
    return AutoStanding(
        config.app,
        name,
        _rule(config, name, auto) if auto is not None else "",
        record.state,
        record.reason,
        record.until,
        record.at or None,
        record.deploy_id,
        record.branch,
        record.stopped_by,
    )


def _rule(config: Config, name: str, auto: AutoEntry) -> str:
    """What goes out, and when: `main, when it is green, 5 min later`."""
    if auto.after is not None:
        how_long = f", once it has been well there for {span(auto.healthy)}" if auto.healthy else ""
        return f"what {auto.after} runs{how_long}"
    contexts = required_contexts(config, name, auto)
    required = f": {', '.join(contexts)}" if contexts else ""
    when = f"when it is green{required}" if auto.on == "green" else "when it is pushed to"
    delay = f", {span(auto.delay)} later" if auto.delay else ""
    return f"{config.base(name)}, {when}{delay}"
