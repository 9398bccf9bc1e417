"""Queries: what a source of metrics is asked for some hosts, with placeholders filled and quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from shiphorn.config.layers import facts_of, fill
from shiphorn.config.metric_checks import placeholders
from shiphorn.model.health import Check, Kind
from shiphorn.model.target import Host

MOST_HOSTS = 200
"""Of more hosts than this some are asked about, evenly spaced: they stand for all."""


def chosen(hosts: Sequence[Host]) -> list[Host]:
    """The hosts that are asked about; the same each time."""
    if len(hosts) <= MOST_HOSTS:
        return list(hosts)
    return [hosts[at * len(hosts) // MOST_HOSTS] for at in range(MOST_HOSTS)]


def queries(check: Check, app: str, environment: str, hosts: Iterable[Host]) -> list[str]:
    """The queries about hosts, each once, in their order.

    Hosts that differ in a placeholder have queries of their own; `{hosts}` names all whose other facts are
    the same.
    """
    alike: dict[str, list[str]] = {}
    for host in hosts:
        facts = {name: quoted(check.kind, text) for name, text in facts_of(app, environment, host).items()}
        if ":" in host.address:
            facts["address"] = quoted(check.kind, f"[{host.address}]")
        # Filled in below, once it is known who they are.
        text = fill(check.pattern, facts | {"hosts": "\0"})
        alike.setdefault(text, []).append(host.name)
    if "hosts" not in placeholders(check.pattern):
        return list(alike)
    return [text.replace("\0", either(check.kind, names)) for text, names in alike.items()]


def quoted(kind: Kind, text: str) -> str:
    """A value as it may stand in a query, wherever that is.

    In names of Graphite a dot parts levels: what is neither letter, digit nor dash becomes `_`, as
    senders of metrics do it. In PromQL values stand in quotes: what could end those becomes `_`.
    """
    if kind == Kind.GRAPHITE:
        return re.sub(r"[^A-Za-z0-9_-]", "_", text)
    return re.sub(r"[^\w.:/@\[\]-]", "_", text, flags=re.ASCII)


def either(kind: Kind, names: Sequence[str]) -> str:
    """One of some hosts: a list of Graphite's, or a regular expression for PromQL that needs no backslash."""
    if kind == Kind.GRAPHITE:
        listed = [quoted(kind, name) for name in names]
        return listed[0] if len(listed) == 1 else f"{{{','.join(listed)}}}"
    return f"({'|'.join(quoted(kind, name).replace('.', '[.]') for name in names)})"
