"""Checks of metrics in deploy.yml: what goes together, where they ask, and with which queries."""

from pathlib import Path

import pytest

from shiphorn.config.load import load_text
from shiphorn.config.queries import chosen, queries
from shiphorn.config.service import load as load_service
from shiphorn.config.sources import Source
from shiphorn.errors import ConfigError
from shiphorn.model.health import Check, Kind
from shiphorn.model.settings import SecretRef
from shiphorn.model.target import Host

HEAD = """\
app: sample
repo: .
deploy_to: /srv/sample
secrets: {TOKEN: {env: TOKEN}}
environments: {production: {hosts: [web1.eu]}}
sources:
  main: {prometheus: "https://metrics.example.com/prom/", token: {secret: TOKEN}}
  old: {graphite: "http://graphite:8080", user: ada, password: {secret: TOKEN}, ca: ca.pem}
watch:
"""


def problems(watch: str, head: str = HEAD) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(head + watch, Path("/x/deploy.yml"))
    return [one.split(" ", 1)[1] for one in caught.value.problems]


def checks(watch: str) -> tuple[Check, ...]:
    return load_text(HEAD + watch, Path("/x/deploy.yml")).checks("production", Host("web1.eu", "web1.eu"))


def test_a_check_says_in_words_what_it_takes() -> None:
    limited, compared = checks(
        """\
  - {prometheus: 'up{host="{host}"}', min: 1}
  - {graphite: "a.{hosts}.errors", compare: control, title: error rate,
     worse: either, tolerance: 0.02, shown_in: percent}
"""
    )
    assert limited.metric is not None
    assert compared.metric is not None
    assert (limited.name, limited.metric.rule, limited.together) == (
        'prometheus up{host="{host}"}',
        "at least 1",
        False,
    )
    assert (limited.successes, limited.failures, limited.interval_seconds) == (2, 2, 30.0)
    assert compared.metric.rule == "not off hosts not yet switched by more than 2 %, at 0.99 confidence"
    assert (compared.name, compared.together, compared.successes, compared.failures) == (
        "error rate",
        True,
        1,
        0,
    )
    assert (compared.metric.points, compared.metric.window_seconds, compared.on_host) == (10, 600.0, False)


def test_sources_are_found_by_name_by_kind_or_by_url() -> None:
    config = load_text(
        HEAD
        + """\
  - {prometheus: up, min: 1}
  - {graphite: a.b, max: 1, source: old}
  - {prometheus: up, min: 1, source: "http://127.0.0.1:9090"}
""",
        Path("/x/deploy.yml"),
    )
    found = [config.source(one) for one in config.checks("production", Host("web1.eu", "web1.eu"))]
    token = SecretRef("TOKEN")
    assert found == [
        Source("prometheus", "https://metrics.example.com/prom", token),
        Source("graphite", "http://graphite:8080", None, "ada", token, ca="/x/ca.pem"),
        Source("prometheus", "http://127.0.0.1:9090"),
    ]


def test_what_does_not_go_together_is_told() -> None:
    assert problems(
        """\
  - {prometheus: up}
  - {prometheus: up, max: 1, compare: baseline}
  - {prometheus: up, max: 1, tolerance: 5%}
  - {prometheus: up, compare: baseline, failures: 3}
  - {prometheus: up, compare: control}
  - {prometheus: up, max: 1, of: host}
  - {graphite: a, max: 1, step: 5}
  - {prometheus: "up{hst}", max: 1}
  - {prometheus: "up{host}{hosts}", max: 1}
  - {unit: x.service, compare: control}
  - {prometheus: up, min: 2, max: 1}
  - {prometheus: up, compare: baseline, tolerance: -1}
  - {prometheus: up, max: 1, window: 10s}
"""
    ) == [
        "watch[0]: it needs limits (max, min) or something to compare with (compare), and not both",
        "watch[1]: it needs limits (max, min) or something to compare with (compare), and not both",
        "watch[2]: only a check with compare has tolerance",
        "watch[3]: a comparison is one test of the whole watch: it has no failures",
        "watch[4]: to compare with other hosts the query needs {host}, {address} or {hosts}",
        "watch[5]: to judge each host the query needs {host} or {address}",
        "watch[6]: step is for Prometheus; Graphite gives points as it keeps them",
        (
            "watch[7].prometheus: there is no placeholder {hst}; there are app, environment, region, zone, "
            "host, address, hosts (write {{hst}} to mean it literally)"
        ),
        "watch[8]: {hosts} stands for all of them: it goes with neither {host} nor {address}",
        "watch[9]: a check of kind unit has no compare",
        "watch[10]: min is more than max, so that nothing is well",
        "watch[11].tolerance: it has to be a share such as 10%, or an amount such as 0.02",
        "watch[12]: window is shorter than step, so that there are no points",
    ]


def test_sources_that_are_wrong_or_missing_are_told_by_their_lines() -> None:
    head = HEAD.replace("token: {secret: TOKEN}", "token: {secret: TOKN}")
    assert problems("  - {prometheus: up, max: 1, source: mian}\n", head) == [
        "sources.main.token: the secret TOKN is not defined under secrets",
        "watch[0].source: there is no source mian under sources; did you mean main?",
    ]
    assert problems("  - {prometheus: up, max: 1, source: old}\n") == [
        "watch[0].source: the source old is not a prometheus one"
    ]
    none = "app: a\nrepo: .\ndeploy_to: /a\nenvironments: {p: {hosts: [a], roles: {web: {watch: \n"
    assert problems("  [{prometheus: up, max: 1}]}}}}\n", none) == [
        (
            "environments.p.roles.web.watch[0].prometheus: there is no prometheus source; define one under "
            "sources, or write its URL as `source`"
        )
    ]
    for entry, told in {
        '{prometheus: "http://ada:x@metrics"}': "prometheus: who signs in does not belong into a URL: it has "
        "`user` and `password` for that",
        "{prometheus: metrics}": "prometheus: it has to be a URL such as https://metrics.example.com, "
        "without ? and #",
        '{prometheus: "http://m", token: s3cret}': "token: it has to be {secret: NAME}, with that "
        "secret under secrets",
        '{prometheus: "http://m", user: ada}': " user and password go together",
        "{}": " it needs exactly one of graphite and prometheus",
    }.items():
        head = f"{HEAD.partition('sources')[0]}sources: {{main: {entry}}}\nwatch:\n"
        said = problems("  - {tcp: 'a:1'}\n", head)
        assert [one.removeprefix("sources.main").removeprefix(".").removeprefix(":") for one in said] == [
            told
        ]


def test_sources_of_a_service_are_for_all_of_its_apps(tmp_path: Path) -> None:
    (tmp_path / "shiphorn.yml").write_text(
        "sources: {main: {prometheus: 'http://m', ca: ca.pem}}\n"
        "environments: {production: {hosts: [web1], deploy_to: /srv/a}}\n"
    )
    service = load_service(tmp_path / "shiphorn.yml")
    app = "app: sample\nrepo: .\nwatch: [{prometheus: up, min: 1}]\n"
    config = service.app(app, tmp_path / "apps" / "sample.yml")
    check = config.checks("production", Host("web1", "web1"))[0]
    assert config.source(check) == Source("prometheus", "http://m", ca=str(tmp_path / "ca.pem"))


def test_queries_are_asked_once_for_hosts_that_are_alike() -> None:
    hosts = [
        Host("web1.eu", "192.0.2.1", region="eu"),
        Host("web2.eu", "::1", region="eu"),
        Host("a", "a", region="us"),
    ]

    def asked(kind: Kind, query: str) -> list[str]:
        return queries(Check(kind, query, query), "team/app", "production", hosts)

    assert asked(Kind.PROMETHEUS, 'sum(x{r="{region}"}) by (job)') == [
        'sum(x{r="eu"}) by (job)',
        'sum(x{r="us"}) by (job)',
    ]
    assert asked(Kind.PROMETHEUS, 'x{h=~"{hosts}:9"}') == ['x{h=~"(web1[.]eu|web2[.]eu|a):9"}']
    assert asked(Kind.GRAPHITE, "a.{app}.{region}.{hosts}.{{b}}") == [
        "a.team_app.eu.{web1_eu,web2_eu}.{b}",
        "a.team_app.us.a.{b}",
    ]
    assert asked(Kind.PROMETHEUS, 'x{i="{address}:9"}')[:2] == ['x{i="192.0.2.1:9"}', 'x{i="[::1]:9"}']


def test_names_cannot_end_the_quotes_that_they_stand_in() -> None:
    host = Host("a", 'x"} or vector(1) #', zone="b),alias(c,'d')")
    for kind, query, told in (
        (Kind.PROMETHEUS, 'x{i="{address}"}', 'x{i="x___or_vector_1___"}'),
        (Kind.GRAPHITE, "sum({zone})", "sum(b__alias_c__d__)"),
    ):
        assert queries(Check(kind, query, query), "app", "production", [host]) == [told]


def test_of_very_many_hosts_some_are_asked_about() -> None:
    hosts = [Host(f"web{number}", "a") for number in range(9000)]
    assert [one.name for one in chosen(hosts)[:3]] == ["web0", "web45", "web90"]
    assert len(chosen(hosts)) == 200
