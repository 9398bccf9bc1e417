"""What people say, and what is understood."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiphorn.chat.grammar import Command, Unclear, Verb, code_of, is_command, parse

KNOWN = {
    "shop": ["staging", "production"],
    "mobile-api": ["staging", "production"],
    "team/site": ["production"],
}


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("deploy shop/main to staging", Command(Verb.DEPLOY, "shop", "main", "staging")),
        (
            "deploy mobile-api/fix/login in staging",
            Command(Verb.DEPLOY, "mobile-api", "fix/login", "staging"),
        ),
        ("deploy shop to production/web,eu", Command(Verb.DEPLOY, "shop", "", "production", ("web", "eu"))),
        ("ship team/site/main", Command(Verb.DEPLOY, "team/site", "main", "production")),
        (
            "deploy! shop/main to production because the site is down",
            Command(Verb.DEPLOY, "shop", "main", "production", reason="the site is down", forced=True),
        ),
        ("Deploy! shop/main on staging", Command(Verb.DEPLOY, "shop", "main", "staging", forced=True)),
        ("rollback shop in production", Command(Verb.ROLLBACK, "shop", "", "production")),
        ("roll back shop/production", Command(Verb.ROLLBACK, "shop", "", "production")),
        (
            "rollback shop in production to 20261125120000",
            Command(Verb.ROLLBACK, "shop", "20261125120000", "production"),
        ),
        ("cancel 12", Command(Verb.CANCEL, number=12)),
        ("cancel deploy #12", Command(Verb.CANCEL, number=12)),
        ("stop shop in staging", Command(Verb.CANCEL, "shop", "", "staging")),
        ("pause shop in staging", Command(Verb.PAUSE, "shop", "", "staging")),
        ("resume 12 because all is well", Command(Verb.CONTINUE, number=12, reason="all is well")),
        ("approve 12", Command(Verb.APPROVE, number=12)),
        (
            "lock staging of shop because the database moves",
            Command(Verb.LOCK, "shop", "", "staging", reason="the database moves"),
        ),
        (
            "lock shop in staging for 2h: tests of load",
            Command(Verb.LOCK, "shop", "", "staging", until="2h", reason="tests of load"),
        ),
        ("deploy:lock shop/staging broken", Command(Verb.LOCK, "shop", "", "staging", reason="broken")),
        (
            "lock staging the database moves",
            Command(Verb.LOCK, "", "", "staging", reason="the database moves"),
        ),
        ("lock everything because", Command(Verb.LOCK)),
        ("unlock shop", Command(Verb.UNLOCK, "shop")),
        ("unlock staging of shop", Command(Verb.UNLOCK, "shop", "", "staging")),
        ("status", Command(Verb.STATUS)),
        ("status staging", Command(Verb.STATUS, environment="staging")),
        ("status shop in staging", Command(Verb.STATUS, "shop", "", "staging")),
        ("deploys shop in production", Command(Verb.DEPLOYS, "shop", "", "production")),
        ("where can I deploy shop?", Command(Verb.WHERE, "shop")),
        ("why can't I deploy shop/main to production?", Command(Verb.WHY, "shop", "main", "production")),
        ("why shop/main to staging", Command(Verb.WHY, "shop", "main", "staging")),
        ("queue", Command(Verb.QUEUE)),
        (
            "endpoint create shop/fix/login for 3d",
            Command(Verb.ENDPOINT, "shop", "fix/login", until="3d", text="create"),
        ),
        ("who am I?", Command(Verb.WHOAMI)),
    ],
)
def test_it_is_understood(text: str, command: Command) -> None:
    assert parse(text, KNOWN) == command


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", "I am here. Say help to see what I understand."),
        ("make me a sandwich", "I do not understand make. Say help to see what I understand."),
        (
            "depoy shop to staging",
            "I do not understand depoy. Did you mean: deploy APP/REF to ENVIRONMENT[/HOSTS]?",
        ),
        ("deploy", "that is said like this: deploy APP/REF to ENVIRONMENT[/HOSTS]"),
        (
            "deploy shpo/main to staging",
            "there is no app shpo that you see. Did you mean: deploy shop/main to staging",
        ),
        (
            "deploy shop/main to stagin/web",
            "shop has no environment stagin. Did you mean: deploy shop/main to staging/web",
        ),
        (
            "deploy shop/main",
            "where? shop has staging, production. Say: deploy shop/main in staging",
        ),
        ("deploy zebra", "there is no app zebra that you see; there are mobile-api, shop, team/site."),
        (
            "deploy shop to staging now please",
            "that is said like this: deploy APP/REF to ENVIRONMENT[/HOSTS]",
        ),
        (
            "rollback! shop in staging",
            "only deploy is forced: deploy! APP/REF to ENVIRONMENT because REASON.",
        ),
        ("endpoint create shop", "which branch? Say: endpoint create shop/BRANCH [for 3d]"),
    ],
)
def test_what_is_not_understood_is_answered_with_what_would_be(text: str, answer: str) -> None:
    with pytest.raises(Unclear) as unclear:
        parse(text, KNOWN)
    assert str(unclear.value) == answer


def test_a_code_at_the_end_is_taken_off() -> None:
    assert code_of("deploy shop to staging code abcd-2345") == ("deploy shop to staging", "ABCD2345")
    assert code_of("deploy shop to staging, code: ABCD2345.") == ("deploy shop to staging", "ABCD2345")
    assert code_of("lock shop because the code breaks") == ("lock shop because the code breaks", "")


def test_only_commands_are_commands() -> None:
    assert [is_command(text) for text in ("deploy! x", "status", "seen ada", "")] == [
        True,
        True,
        False,
        False,
    ]


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_whatever_is_said_is_understood_or_answered(text: str) -> None:
    for known in (KNOWN, None):
        said, _ = code_of(text)
        with suppress(Unclear):
            parse(said, known)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "deploy",
                "lock",
                "shop/main",
                "shop",
                "to",
                "of",
                "staging",
                "for",
                "2h",
                "because",
                "why",
                "endpoint",
                "create",
                "cancel",
                "12",
                "rollback",
                "/",
                "code",
            ]
        )
    )
)
def test_words_of_ours_in_any_order_are_understood_or_answered(words: list[str]) -> None:
    with suppress(Unclear):
        parse(" ".join(words), KNOWN)
