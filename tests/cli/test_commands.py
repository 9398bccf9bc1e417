"""The command line as a person meets it: files, help, mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest
import typer.main

from shiphorn.cli.main import app

CONFIG = """\
app: shop
repo: https://example.com/shop.git
deploy_to: /srv/shop
env: {REGION: "{region}"}
watch: [{http: "http://{address}/health", status: 204}, {command: bin/check}]
environments:
  production:
    regions:
      eu: {hosts: [{name: web1.eu, address: 192.0.2.10}]}
"""


def horn(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from shiphorn.cli.main import main; main()", *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
        | {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("sign", "kind", "says"),
    [
        ("bin/rails", "rails", "bin/rails db:migrate"),
        ("composer.json", "php", "composer install"),
        ("manage.py", "django", "manage.py"),
        ("package.json", "node", "npm"),
        ("index.html", "static", "deploy_to"),
        ("README", "plain", "deploy_to"),
    ],
)
def test_init_writes_a_valid_file_for_the_project_and_never_overwrites(
    tmp_path: Path, sign: str, kind: str, says: str
) -> None:
    (tmp_path / sign).parent.mkdir(exist_ok=True)
    (tmp_path / sign).write_text("{}")
    done = horn(tmp_path, "init")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"for a {kind} project" in done.stdout
    written = (tmp_path / "deploy.yml").read_text()
    assert says in written
    assert len(written.splitlines()) < 50
    assert horn(tmp_path, "config", "check").returncode == 0
    again = horn(tmp_path, "init")
    assert again.returncode != 0
    assert "deploy.yml" in again.stderr
    assert (tmp_path / "deploy.yml").read_text() == written


def test_check_and_explain_say_what_a_host_gets_and_why(tmp_path: Path) -> None:
    (tmp_path / "deploy.yml").write_text(CONFIG)
    checked = horn(tmp_path, "config", "check")
    assert "is valid: shop from https://example.com/shop.git, branch main" in checked.stdout
    lines = [line.split() for line in checked.stdout.splitlines()]
    assert ["env.REGION", "eu"] in lines
    assert ["web1.eu", "192.0.2.10"] in lines
    assert "http://{address}/health; command bin/check" in " ".join(checked.stdout.split())
    watched = horn(tmp_path, "config", "explain", "production", "web1.eu", "watch")
    assert "http://192.0.2.10/health status 204, command bin/check" in watched.stdout
    explained = horn(tmp_path, "config", "explain", "production", "web1.eu", "env")
    assert explained.stdout.split()[-4:] == ["env.REGION", "eu", "app", "deploy.yml:4"]
    without_host = horn(tmp_path, "config", "explain", "production", "env.REGION")
    assert without_host.stdout.split()[-4:] == ["env.REGION", "{region}", "app", "deploy.yml:4"]
    unknown = horn(tmp_path, "config", "explain", "production", "web9")
    assert "production has no host web9." in unknown.stderr


def test_the_schema_is_json_schema_with_all_keys(tmp_path: Path) -> None:
    schema = json.loads(horn(tmp_path, "config", "schema").stdout)
    assert {"app", "repo", "deploy_to", "shared", "ssh", "commands", "env", "environments"} <= set(
        schema["properties"]
    )


def test_all_problems_of_a_config_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "deploy.yml").write_text("app: shop\ndeploy_too: /srv\nkeep_releases: many\n")
    done = horn(tmp_path, "deploy", "production", "--yes")
    assert done.returncode == 2
    assert "deploy.yml:2 deploy_too: there is no such key; did you mean deploy_to?" in done.stderr
    assert "deploy.yml:3 keep_releases" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("deploy", "production"), "there is no deploy.yml in "),
        (("logs", "7"), "7"),
        (("status", "--config", "nowhere.yml"), "nowhere.yml"),
    ],
)
def test_what_is_not_there_is_told_with_a_way_on(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = horn(tmp_path, *arguments)
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_errors_are_json_for_programs(tmp_path: Path) -> None:
    done = horn(tmp_path, "status", "--json")
    error = json.loads(done.stdout)["error"]
    assert error["code"].startswith("SH")
    assert error["message"]


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        (
            {"HORN_DATABASE": "mysql://ada:correct-horse@db/shop"},
            (
                "SH150 HORN_DATABASE does not begin with postgresql://.\n"
                "  Write HORN_DATABASE as postgresql://USER@HOST:PORT/NAME, or unset it to use SQLite.\n"
            ),
        ),
        (
            {"HORN_DATABASE": "postgresql://db/shop", "HORN_DATABASE_PATIENCE": "a while"},
            'SH151 HORN_DATABASE_PATIENCE is "a while", not a number of seconds up to 3600.\n',
        ),
    ],
)
def test_a_wrong_choice_of_database_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], error: str
) -> None:
    (tmp_path / "deploy.yml").write_text(CONFIG)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = horn(tmp_path, "history")
    assert (done.returncode, done.stderr) == (2, error)


def test_help_shows_usage_as_it_is_typed_and_whole_sentences(tmp_path: Path) -> None:
    assert " deploy [OPTIONS] [APP[@REF]] [to] ENV\n" in horn(tmp_path, "deploy", "--help").stdout
    shown = horn(tmp_path, "--help").stdout
    assert "..." not in shown.partition("\n")[2]
    assert shown.index("\nShip:\n") < shown.index("\nLook:\n") < shown.index("\nSet up:\n")


def test_help_is_there_at_once_because_nothing_heavy_is_imported_for_it(tmp_path: Path) -> None:
    # Not pydantic: newer versions of Typer import it themselves.
    heavy = {"asyncio", "asyncssh", "dbos", "rich", "sqlalchemy", "uvloop", "yaml"}
    code = (
        "import sys; from shiphorn.cli.main import app; "
        f"app(['deploy', '--help'], standalone_mode=False); print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_has_a_line_of_help() -> None:
    def commands(group: object) -> list[object]:
        inner = getattr(group, "commands", None)
        return [group] if inner is None else [leaf for one in inner.values() for leaf in commands(one)]

    found = commands(typer.main.get_command(app))
    assert len(found) > 15
    assert [one for one in found if not getattr(one, "help", "")] == []


def test_the_sound_of_the_horn_is_written_as_a_wave_file(tmp_path: Path) -> None:
    done = horn(tmp_path, "sound", "--output", "horn.wav")
    assert done.returncode == 0, done.stderr
    with wave.open(str(tmp_path / "horn.wav")) as made:
        assert made.getnframes() / made.getframerate() > 1


def test_a_folder_that_cannot_be_used_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "deploy.yml").write_text(CONFIG)
    (tmp_path / "state").write_text("in the way")
    done = horn(tmp_path, "history")
    assert done.returncode == 2
    assert done.stderr.startswith(f"SH160 {tmp_path / 'state/shiphorn'} cannot be used: Not a directory.\n")
    nowhere = horn(tmp_path, "init", "nowhere")
    assert nowhere.stderr.startswith("SH532 nowhere is not a folder.\n")


def test_state_and_cache_are_for_their_user_alone(tmp_path: Path) -> None:
    (tmp_path / "deploy.yml").write_text(CONFIG)
    assert horn(tmp_path, "history").returncode == 0
    for folder in ("state/shiphorn", ".cache/shiphorn"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


def test_all_of_a_long_answer_arrives_also_without_buffers(tmp_path: Path) -> None:
    hosts = "".join(f"\n      - web{number}" for number in range(3000))
    (tmp_path / "deploy.yml").write_text(
        f"app: shop\nrepo: .\ndeploy_to: /srv/shop\nenvironments:\n  production:\n    hosts:{hosts}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", "from shiphorn.cli.main import main; main()", "hosts", "production", "--json"],
        cwd=tmp_path,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    # More than a pipe holds is written before anybody reads.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    text = process.stdout.read()
    assert len(text) > 2**16
    assert [host["name"] for host in json.loads(text)] == [f"web{number}" for number in range(3000)]
    assert process.wait() == 0
