"""Secrets from real variables, files and commands."""

from pathlib import Path

import pytest

from shiphorn.adapters.secrets import ConfiguredSecrets
from shiphorn.config.load import SecretSource
from shiphorn.errors import ConfigError


async def test_secrets_come_from_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_ENV", "one")
    (tmp_path / "file").write_text("two\n")
    origins = {
        "A": SecretSource("env", "FROM_ENV"),
        "B": SecretSource("file", "file"),
        "C": SecretSource("command", "echo asked >>asked; printf 'three\\n'"),
    }
    secrets = ConfiguredSecrets(origins, tmp_path)
    assert [await secrets.get(name) for name in "ABC"] == ["one", "two", "three"]
    assert await secrets.get("C") == "three"
    assert (tmp_path / "asked").read_text() == "asked\n"


@pytest.mark.parametrize(
    "origin",
    [
        SecretSource("env", "NOT_SET_ANYWHERE"),
        SecretSource("file", "missing"),
        SecretSource("command", "echo hunter2; exit 1"),
        SecretSource("command", "true"),
        None,
    ],
)
async def test_a_secret_that_cannot_be_had_is_told_and_not_shown(
    tmp_path: Path, origin: SecretSource | None
) -> None:
    secrets = ConfiguredSecrets({"A": origin} if origin else {}, tmp_path)
    with pytest.raises(ConfigError) as raised:
        await secrets.get("A")
    assert raised.value.code == "SH130"
    assert "hunter2" not in raised.value.message
