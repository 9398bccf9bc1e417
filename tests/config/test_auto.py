"""`auto` and `branches`: what they may be, and what is said of what they may not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiphorn.config.auto import AutoEntry
from shiphorn.config.load import Config, load_text
from shiphorn.config.schema import json_schema
from shiphorn.errors import ConfigError


def load(keys: str) -> Config:
    text = (
        "app: shop\nrepo: /srv/shop.git\nbranch: trunk\ndeploy_to: /srv/shop\nenvironments:\n"
        f"  staging: {{hosts: [web1]}}\n  production: {{hosts: [web2], {keys}}}\n"
    )
    return load_text(text, Path("/srv/deploy.yml"))


def test_what_goes_out_by_itself_may_be_said_in_a_word_or_at_length() -> None:
    assert load("auto: true").auto("production") == AutoEntry()
    assert load("auto: false").auto("production") is None
    assert load("sound: true").auto("production") is None
    long = load("auto: {branch: dev, on: push, delay: 5m}").auto("production")
    assert long is not None
    assert (long.branch, long.on, long.delay) == ("dev", "push", 300.0)


def test_the_base_branch_is_the_one_that_goes_out_by_itself_else_the_apps() -> None:
    assert load("auto: {branch: dev}").base("production") == "dev"
    assert load("auto: true").base("production") == "trunk"
    assert load("auto: {after: staging, healthy: 30m}").base("production") == "trunk"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("auto: {brunch: dev}", "auto.brunch: there is no such key; did you mean branch?"),
        ("auto: {on: red}", "auto.on: it should be 'green' or 'push'"),
        ("auto: {delay: soon}", "auto.delay: it has to be a time such as 90, 30s, 10m or 1h"),
        ("auto: {after: stagin}", "auto.after: there is no environment stagin"),
        ("auto: {after: production}", "auto.after: it would wait for itself"),
        ("auto: {after: staging, delay: 5m}", "auto: it goes by what staging runs, and has no delay then"),
        (
            "auto: {healthy: 5m}",
            "auto: healthy needs after: the environment that comes before; delay is for a branch",
        ),
        ("branches: {redeploy: true}", "branches: redeploy needs lock: true, which says whose branch is out"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(keys: str, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(keys)
    assert raised.value.problems == (f"deploy.yml:7 environments.production.{problem}",)


def test_environments_that_come_after_each_other_are_told_of() -> None:
    text = (
        "app: shop\nrepo: r\ndeploy_to: /srv/shop\nenvironments:\n"
        "  staging: {hosts: [web1], auto: {after: production}}\n"
        "  production: {hosts: [web2], auto: {after: staging}}\n"
    )
    with pytest.raises(ConfigError) as raised:
        load_text(text, Path("/srv/deploy.yml"))
    assert [one.partition(" ")[2] for one in raised.value.problems] == [
        "environments.staging.auto.after: it would wait for itself",
        "environments.production.auto.after: it would wait for itself",
    ]


def test_editors_know_both_forms() -> None:
    forms = json_schema()["$defs"]["AutoEntry"]["anyOf"]
    assert [one["type"] for one in forms] == ["boolean", "object"]
