"""Names, tags and lines of measured values."""

from __future__ import annotations

import pytest

from shiphorn.model.metrics import (
    Nature,
    Point,
    Tags,
    datagrams,
    graphite_lines,
    name_of,
    node,
    statsd_lines,
    tag,
)

TEMPLATE = "shiphorn.{app}.{environment}.{what}"
PHASE = Point(
    "phases.{phase}.duration_ms", 1500.25, 10.9, "shop", "prod-1", Nature.TIMING, {"phase": "build"}
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("shop", "shop"),
        ("team/shop", "team_shop"),
        ("eu.west-1", "eu_west-1"),
        ("Zürich", "Zurich"),
        ("東京", "_"),
        ("", "_"),
        ("a b\n1 2 3", "a_b_1_2_3"),
        ("x|c\n", "x_c_"),
        ("../../etc", "_etc"),
        ("é" * 300, "e" * 100),
    ],
)
def test_whatever_a_text_holds_it_is_one_node_of_a_name(text: str, wanted: str) -> None:
    assert node(text) == wanted


def test_a_tag_may_hold_dots_and_slashes_and_nothing_that_ends_it() -> None:
    assert tag("team/shop.v2") == "team/shop.v2"
    assert tag("a,b=c|d:e#f\n") == "a_b_c_d_e_f_"


def test_a_name_is_made_by_its_template() -> None:
    assert name_of(PHASE, TEMPLATE) == "shiphorn.shop.prod-1.phases.build.duration_ms"
    point = Point("regions.{region}.hosts.ok", 3, 1.0, "a/b", "c.d", labels={"region": "{app}.x"})
    assert name_of(point, "x.{environment}.{app}.{what}") == "x.c_d.a_b.regions._app_x.hosts.ok"


def test_graphite_is_told_when_it_was_and_counts_of_a_second_are_added_up() -> None:
    count = Point("deploys.started", 1, 10.2, "shop", "dev", Nature.COUNT)
    assert graphite_lines([count, PHASE, count], TEMPLATE) == [
        "shiphorn.shop.dev.deploys.started 2 10\n",
        "shiphorn.shop.prod-1.phases.build.duration_ms 1500.25 10\n",
    ]


@pytest.mark.parametrize(
    ("tags", "template", "wanted"),
    [
        (Tags.NONE, TEMPLATE, "shiphorn.shop.prod-1.phases.build.duration_ms:1500.25|ms\n"),
        (
            Tags.DOGSTATSD,
            "ship-horn.{what}",
            "ship_horn.phases.duration_ms:1500.25|ms|#app:shop,environment:prod-1,phase:build\n",
        ),
        (
            Tags.INFLUX,
            "shiphorn.{what}",
            "shiphorn.phases.duration_ms,app=shop,environment=prod-1,phase=build:1500.25|ms\n",
        ),
    ],
)
def test_statsd_has_what_narrows_a_name_down_in_it_or_in_tags(tags: Tags, template: str, wanted: str) -> None:
    assert statsd_lines([PHASE], template, tags) == [wanted]


def test_a_number_has_no_exponent() -> None:
    tiny, huge = Point("a", 1e-9, 1, "a", "b"), Point("a", 1e15, 1, "a", "b")
    assert graphite_lines([tiny], "x.{what}") == ["x.a 0 1\n"]
    assert graphite_lines([huge], "x.{what}") == ["x.a 1000000000000000 1\n"]


def test_no_line_is_cut_and_datagrams_are_full() -> None:
    lines = [f"{'x' * 90}:{number}|c\n" for number in range(100, 200)]
    parts = datagrams(lines)
    assert "".join(part.decode() for part in parts) == "".join(lines)
    assert all(part.endswith(b"|c\n") and len(part) <= 1400 for part in parts)
    assert len(parts) == 8
