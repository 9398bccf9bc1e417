"""Redaction, of secrets in all the forms that programs print them."""

import base64
import json
import shlex
from urllib.parse import quote

import pytest

from shiphorn.model.redact import Redactor

SECRET = 'it\'s a "p@ss"/word'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        shlex.quote(SECRET),
        json.dumps(SECRET),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_form(form: str) -> None:
    shown = Redactor([SECRET]).text(f"before {form} after")
    assert "word" not in shown
    assert "[secret]" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


def test_each_line_of_a_key_is_a_secret() -> None:
    shown = Redactor(["-----BEGIN-----\nabcdefgh\nijklmnop\n"]).text("x ijklmnop y")
    assert shown == "x [secret] y"


def test_what_is_too_short_is_left() -> None:
    assert Redactor(["1", ""]).text("1 2 3") == "1 2 3"
