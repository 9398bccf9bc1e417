"""`horn backup` and `horn restore`: a file that holds all, on both databases."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import zstandard

from tests.deploy.conftest import Site, site
from tests.postgres import Database

__all__ = ["site"]


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, site: Site) -> Databases:
    """Where deploys are on record, and an empty place to restore to."""
    return Databases(site, request)


class Databases:
    def __init__(self, site: Site, request: pytest.FixtureRequest) -> None:
        self.site = site
        self.name = request.param
        self.postgres: Database | None = None
        if self.name == "postgresql":
            self.postgres = request.getfixturevalue("postgres")
            site.env["HORN_DATABASE"] = self.postgres.url

    def elsewhere(self) -> None:
        """Work on another machine from here on."""
        self.site.env["XDG_STATE_HOME"] = str(self.site.folder / "other")
        if self.postgres is not None:
            name = self.postgres.server.make()
            self.site.env["HORN_DATABASE"] = self.postgres.server.url(name)


def contents(path: Path) -> dict[str, bytes]:
    with path.open("rb") as file:
        packed = zstandard.ZstdDecompressor().stream_reader(file)
        with tarfile.open(fileobj=packed, mode="r|") as tar:
            return {one.name: (tar.extractfile(one) or io.BytesIO()).read() for one in tar}


def packed(path: Path, files: dict[str, bytes]) -> None:
    """A file like a backup, with other contents."""
    with (
        path.open("wb") as file,
        zstandard.ZstdCompressor().stream_writer(file, closefd=False) as target,
        tarfile.open(fileobj=target, mode="w|") as tar,
    ):
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


async def test_what_was_backed_up_is_there_again_and_deploys_go_on_from_it(databases: Databases) -> None:
    site = databases.site
    assert (await site.deploy()).status == 0
    made = await site.horn("backup", "horn.tar.zst")
    assert made.status == 0, made.err
    assert "Wrote horn.tar.zst" in made.out
    assert (site.folder / "horn.tar.zst").stat().st_mode & 0o777 == 0o600
    before = (await site.horn("history", "--json")).json

    databases.elsewhere()
    restored = await site.horn("restore", "horn.tar.zst")
    assert restored.status == 0, restored.err
    assert "Restored horn.tar.zst" in restored.out
    assert (await site.horn("history", "--json")).json == before
    site.commit("two")
    assert (await site.deploy()).status == 0
    assert site.pages() == ["two"] * 6
    back = await site.horn("rollback", "production", "--yes")
    assert back.status == 0, back.err
    assert site.pages() == ["one"] * 6


async def test_a_backup_says_what_it_is_and_holds_the_key_only_when_asked(databases: Databases) -> None:
    site = databases.site
    assert (await site.deploy()).status == 0
    key = site.folder / "state" / "shiphorn" / "secret.key"
    key.write_text("ab" * 32)
    plain = await site.horn("backup", "plain.tar.zst")
    keyed = await site.horn("backup", "keyed.tar.zst", "--with-key")
    assert "whoever has the file can read every secret" in keyed.err
    assert "secret.key" not in plain.out + plain.err
    names = ["engine.db", "state.db"] if databases.name == "sqlite" else ["database.dump"]
    assert sorted(contents(site.folder / "plain.tar.zst")) == sorted([*names, "manifest.json"])
    held = contents(site.folder / "keyed.tar.zst")
    assert held["secret.key"] == b"ab" * 32
    manifest = json.loads(held["manifest.json"])
    assert manifest["database"] == databases.name
    assert manifest["migration"] == "0004"
    assert sorted(manifest["files"]) == sorted([*names, "secret.key"])

    databases.elsewhere()
    assert (await site.horn("restore", "keyed.tar.zst")).status == 0
    again = site.folder / "other" / "shiphorn" / "secret.key"
    assert (again.read_text(), again.stat().st_mode & 0o777) == ("ab" * 32, 0o600)


async def test_data_is_replaced_only_by_who_says_so(databases: Databases) -> None:
    site = databases.site
    assert (await site.deploy()).status == 0
    assert (await site.horn("backup", "horn.tar.zst")).status == 0
    site.commit("two")
    assert (await site.deploy()).status == 0
    refused = await site.horn("restore", "horn.tar.zst")
    assert (refused.status, "SH809" in refused.err) == (8, True), refused.err
    assert len((await site.horn("history", "--json")).json) == 2
    replaced = await site.horn("restore", "horn.tar.zst", "--replace")
    assert replaced.status == 0, replaced.err
    assert [one["id"] for one in (await site.horn("history", "--json")).json] == [1]


async def test_a_backup_is_made_while_a_deploy_runs_which_keeps_anybody_from_restoring(
    databases: Databases,
) -> None:
    site = databases.site
    site.config["commands"] = {"stage": ["touch ~/begun; until [ -e ~/go ]; do sleep 0.05; done"]}
    deploying = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("begun"))
    made = await site.horn("backup", "horn.tar.zst")
    assert made.status == 0, made.err
    refused = await site.horn("restore", "horn.tar.zst", "--replace")
    assert (refused.status, "SH807" in refused.err) == (8, True), refused.err
    site.touch_everywhere("go")
    assert (await site.end(deploying)).status == 0

    # What the backup holds is a deploy that is under way; another machine brings it to an end.
    databases.elsewhere()
    assert (await site.horn("restore", "horn.tar.zst")).status == 0
    resumed = await site.horn("resume", "1")
    assert (await site.horn("history", "--json")).json[0]["state"] != "running", resumed.err
    assert site.pages() == ["one"] * 6


async def test_a_damaged_or_foreign_file_changes_nothing(site: Site) -> None:
    assert (await site.deploy()).status == 0
    assert (await site.horn("backup", "horn.tar.zst")).status == 0
    whole = (site.folder / "horn.tar.zst").read_bytes()
    (site.folder / "half.tar.zst").write_bytes(whole[: len(whole) // 2])
    held = contents(site.folder / "horn.tar.zst")
    packed(site.folder / "changed.tar.zst", held | {"state.db": held["state.db"] + b"x"})
    packed(site.folder / "more.tar.zst", held | {"../evil": b"x"})
    (site.folder / "text").write_text("no backup at all")
    packed(site.folder / "other.tar.zst", {"hello": b"x"})
    for name, code in (
        ("half.tar.zst", "SH806"),
        ("changed.tar.zst", "SH806"),
        ("more.tar.zst", "SH806"),
        ("text", "SH156"),
        ("other.tar.zst", "SH156"),
    ):
        refused = await site.horn("restore", name, "--replace")
        assert code in refused.err, (name, refused.err)
    assert [one["id"] for one in (await site.horn("history", "--json")).json] == [1]
    assert not (site.folder / "evil").exists()


async def test_a_backup_of_a_newer_shiphorn_or_another_database_is_refused(site: Site) -> None:
    assert (await site.deploy()).status == 0
    assert (await site.horn("backup", "horn.tar.zst")).status == 0
    held = contents(site.folder / "horn.tar.zst")
    manifest = json.loads(held["manifest.json"])
    for change, code in (({"migration": "9999"}, "SH590"), ({"database": "postgresql"}, "SH157")):
        changed = held | {"manifest.json": json.dumps(manifest | change).encode()}
        packed(site.folder / "changed.tar.zst", changed)
        refused = await site.horn("restore", "changed.tar.zst", "--replace")
        assert code in refused.err


async def test_a_backup_overwrites_no_file_and_is_none_of_nothing(site: Site) -> None:
    nothing = await site.horn("backup", "horn.tar.zst")
    assert "SH159" in nothing.err
    (site.folder / "horn.tar.zst").write_text("precious")
    refused = await site.horn("backup", "horn.tar.zst")
    assert "SH158" in refused.err
    assert (site.folder / "horn.tar.zst").read_text() == "precious"
    assert [path.name for path in site.folder.glob(".horn*")] == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
async def test_what_root_restores_belongs_to_who_owns_the_state(site: Site) -> None:
    assert (await site.deploy()).status == 0
    assert (await site.horn("backup", "horn.tar.zst")).status == 0
    state = site.folder / "other" / "shiphorn"
    state.mkdir(parents=True)
    os.chown(state, 12_345, 12_345)
    site.env["XDG_STATE_HOME"] = str(state.parent)
    assert (await site.horn("restore", "horn.tar.zst")).status == 0
    assert {(path.name, path.stat().st_uid) for path in state.glob("*.db*")} == {
        ("state.db", 12_345),
        ("engine.db", 12_345),
    }


async def test_without_pg_dump_it_is_said_what_to_install(site: Site, postgres: Database) -> None:
    site.env["HORN_DATABASE"] = postgres.url
    assert (await site.deploy()).status == 0
    folder = site.folder / "bin"
    folder.mkdir()
    site.env["PATH"] = str(folder)
    refused = await site.horn("backup", "horn.tar.zst")
    assert "SH701" in refused.err
    assert "apt-get install postgresql-client" in refused.err


def test_sqlite_is_copied_as_it_is_at_one_instant_while_others_write(tmp_path: Path) -> None:
    import sqlite3
    import threading

    from shiphorn.store.copying import copy_sqlite, require_sound

    source = sqlite3.connect(tmp_path / "source.db", isolation_level=None, check_same_thread=False)
    source.execute("PRAGMA journal_mode=WAL")
    source.execute("CREATE TABLE pair (number INTEGER, twin INTEGER)")
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            source.execute("BEGIN")
            source.execute("INSERT INTO pair VALUES (?, 0)", (number,))
            source.execute("UPDATE pair SET twin = ? WHERE number = ?", (number, number))
            source.execute("COMMIT")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for name in ("one.db", "two.db", "three.db"):
            copy_sqlite(tmp_path / "source.db", tmp_path / name)
            require_sound(tmp_path / name)
            with sqlite3.connect(tmp_path / name) as copy:
                assert copy.execute("SELECT count(*) FROM pair WHERE twin <> number").fetchone() == (0,)
    finally:
        over.set()
        writer.join()


def test_backup_and_restore_are_commands_with_help() -> None:
    import sys

    for command in ("backup", "restore"):
        said = subprocess.run(
            [sys.executable, "-c", "from shiphorn.cli.main import main; main()", command, "--help"],
            env=os.environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "FILE" in said
