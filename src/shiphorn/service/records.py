"""What is on record: deploys, what they printed, and the wish that one should stop."""

from __future__ import annotations

import time

from shiphorn.errors import Refused
from shiphorn.model.deploy import CommandOutput, Deploy, Wish
from shiphorn.model.events import Asked
from shiphorn.model.health import Health
from shiphorn.store.store import Store


def get(store: Store, deploy_id: int) -> Deploy:
    """A deploy by its number. Raises Refused SH522."""
    record = store.deploys.get(deploy_id)
    if record is None:
        raise Refused("SH522", f"there is no deploy {deploy_id}.", hint="See: horn history")
    return record


def last(store: Store, app: str) -> Deploy:
    """The last deploy of an app. Raises Refused SH533."""
    found = store.deploys.history(app, limit=1)
    if not found:
        raise Refused("SH533", f"no deploy of {app} is on record.", hint="Deploy it: horn deploy ENVIRONMENT")
    return found[0]


def ask(store: Store, deploy_id: int, wish: Wish, actor: str) -> Asked:
    """Leave a wish for whichever process works on a deploy. Raises Refused SH522, SH523."""
    record = get(store, deploy_id)
    if not record.state.active:
        raise Refused("SH523", f"deploy {deploy_id} has ended already: it {record.state}.")
    store.deploys.update(deploy_id, wish=wish, wish_by=actor)
    event = Asked(deploy_id, time.time(), wish, actor)
    store.records.add_events([event])
    return event


def ask_all(store: Store, wish: Wish, actor: str) -> list[Asked]:
    """Leave a wish for every deploy that is under way, of any app."""
    return [ask(store, deploy.id, wish, actor) for deploy in store.deploys.active()]


def outputs(
    store: Store, deploy_id: int, host: str | None = None, text: str = ""
) -> list[tuple[str, CommandOutput]]:
    """What the commands of a deploy printed, as (host, output); `text` keeps those that contain it.

    Commands stand in the order in which they ran, the hosts of each as the inventory has them.
    """
    found = store.records.outputs(get(store, deploy_id).id, host)
    commands = {(one.phase, one.command): number for number, (_, one) in reversed(list(enumerate(found)))}
    places = {run.host.name: run.position for run in store.hosts.of_deploy(deploy_id)}
    found.sort(key=lambda pair: (commands[pair[1].phase, pair[1].command], places.get(pair[0], -1)))
    return [(name, one) for name, one in found if text in one.output or text in one.command]


def health(store: Store, deploy_id: int, host: str | None = None) -> list[Health]:
    """What the checks of a deploy came to, by host and in the order of the config. Raises Refused SH522."""
    return store.health.of_deploy(get(store, deploy_id).id, host)
