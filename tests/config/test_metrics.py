"""What `metrics` of shiphorn.yml may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiphorn.config import service
from shiphorn.errors import ConfigError
from shiphorn.model.settings import SecretRef


def loaded(folder: Path, text: str) -> service.ServiceConfig:
    path = folder / "shiphorn.yml"
    path.write_text(text)
    return service.load(path)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        loaded(folder, text)
    return [problem.removeprefix(f"{folder}/") for problem in error.value.problems]


def test_metrics_go_nowhere_unless_the_file_says_so(tmp_path: Path) -> None:
    metrics = loaded(tmp_path, "url: https://x\n").model.metrics
    assert (metrics.graphite, metrics.statsd, metrics.grafana, metrics.every) == (None, None, None, 60.0)


def test_names_are_whole_by_default_and_short_where_there_are_tags(tmp_path: Path) -> None:
    metrics = loaded(
        tmp_path,
        "secrets: {KEY: {env: KEY}}\n"
        "metrics:\n"
        "  graphite: {address: '[::1]:2003', authorization: {secret: KEY}}\n"
        "  statsd: {address: localhost:8125, tags: influx}\n",
    ).model.metrics
    assert metrics.graphite is not None
    assert metrics.statsd is not None
    assert metrics.graphite.names == "shiphorn.{app}.{environment}.{what}"
    assert metrics.graphite.authorization == SecretRef("KEY")
    assert metrics.statsd.names == "shiphorn.{what}"
    plain = loaded(tmp_path, "metrics: {statsd: {address: 'localhost:8125'}}\n").model.metrics
    assert plain.statsd is not None
    assert plain.statsd.names == "shiphorn.{app}.{environment}.{what}"


def test_problems_say_what_is_wrong_without_what_is_secret(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "metrics:\n"
        "  every: 1s\n"
        "  graphite:\n"
        "    address: graphite\n"
        "    names: 'x.{app}.{what}'\n"
        "    events: 'https://ada:hunter2@example.com/'\n"
        "  statsd: {address: 'h:0', names: 'a..{what}', tags: datadog}\n"
        "  grafana: {url: example.com, token: hunter2}\n",
    )
    assert "hunter2" not in "".join(found)
    where_to = "it has to be a host and a port, such as graphite.example.com:2003"
    node = "it may hold letters, digits, dashes, underscores, placeholders, and dots in between"
    assert [one.removeprefix("shiphorn.yml:").replace("metrics.", "") for one in found] == [
        "2 every: it should be greater than or equal to 10",
        f"4 graphite.address: {where_to}",
        "5 graphite.names: it has to hold {environment}: values of several would have one name",
        "6 graphite.events: a password does not belong here; name it as a secret",
        f"7 statsd.address: {where_to}",
        f"7 statsd.names: {node}",
        "7 statsd.tags: it should be 'none', 'dogstatsd' or 'influx'",
        "8 grafana.url: it has to be a URL that begins with https:// or http://",
        "8 grafana.token: it has to be {secret: NAME}, with that secret under secrets",
    ]


def test_a_secret_that_nobody_defined_is_named(tmp_path: Path) -> None:
    text = "metrics: {grafana: {url: 'https://x', token: {secret: LOST}}}\n"
    assert problems(tmp_path, text) == [
        "shiphorn.yml:1 metrics.grafana.token: the secret LOST is not defined under secrets"
    ]
    assert problems(tmp_path, "metrics: {graphite: {protocol: udp}}\n") == [
        "shiphorn.yml:1 metrics.graphite: it has to have an address or events"
    ]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("shiphorn.{app}.{environment}", "it has to hold {what}: all values would have one name"),
        (
            "{app}.{environment}.{what}.{host}",
            "there is no placeholder {host}; there are app, environment, what",
        ),
        ("a b.{app}.{environment}.{what}", None),
        ("a;x=1.{app}.{environment}.{what}", None),
        ("{app}{environment}{what}.", None),
    ],
)
def test_names_hold_nothing_that_would_end_them(tmp_path: Path, names: str, problem: str | None) -> None:
    text = f"metrics: {{graphite: {{address: 'g:2003', names: '{names}'}}}}\n"
    usual = "it may hold letters, digits, dashes, underscores, placeholders, and dots in between"
    assert problems(tmp_path, text) == [f"shiphorn.yml:1 metrics.graphite.names: {problem or usual}"]
