"""Copies of a PostgreSQL database by its own programs, `pg_dump` and `pg_restore`.

The two schemas that shiphorn works in, and no others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL

from shiphorn.adapters.programs import Ended, run
from shiphorn.errors import DatabaseError, MissingProgram

_PASSWORDS = ("password", "passfile", "sslpassword")
_A_SCHEMA = re.compile(r"^\d+; \d+ \d+ (SCHEMA|COMMENT|ACL) - (SCHEMA )?(?P<name>\S+)")


async def dump(url: URL, schemas: Sequence[str], target: Path) -> None:
    """Write the schemas into a file, as they were at one instant.

    Raises MissingProgram SH701, DatabaseError SH808.
    """
    wanted = [f"--schema={name}" for name in schemas]
    words = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", *wanted, f"--file={target}"]
    await _run([*words, f"--dbname={_bare(url)}"], url)


async def load(url: URL, source: Path, there: Sequence[str]) -> None:
    """Fill the database from a file, wholly or not at all. The schemas that are `there` are not made.

    Raises MissingProgram SH701, DatabaseError SH808.
    """
    listed = await _run(["pg_restore", "--list", str(source)], url)
    wanted = [line for line in listed.stdout.decode().splitlines() if not _makes(line, there)]
    contents = source.with_suffix(".list")
    contents.write_text("\n".join(wanted) + "\n")
    words = ["pg_restore", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    await _run([*words, f"--use-list={contents}", f"--dbname={_bare(url)}", str(source)], url)


def _makes(line: str, schemas: Sequence[str]) -> bool:
    """Whether a line of the contents is about one of the schemas as such."""
    found = _A_SCHEMA.match(line)
    return found is not None and found["name"] in schemas


def _bare(url: URL) -> str:
    """The address without what nobody may see: all may read the arguments of a program."""
    bare = url.set(drivername="postgresql", password=None).difference_update_query(_PASSWORDS)
    return bare.render_as_string(hide_password=False)


async def _run(words: list[str], url: URL) -> Ended:
    password = url.password or url.query.get("password")
    env = dict(os.environ) | ({"PGPASSWORD": str(password)} if password else {})
    try:
        ended = await run(words, env=env)
    except MissingProgram as error:
        raise MissingProgram(
            "SH701",
            f"the program {words[0]} is not installed, or not on the PATH.",
            hint="Install it: apt-get install postgresql-client",
        ) from error
    if ended.status != 0:
        said = ended.last_words.replace(str(password), "[secret]") if password else ended.last_words
        raise DatabaseError("SH808", f"{words[0]} failed: {said}")
    return ended
