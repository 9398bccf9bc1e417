"""The store, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from shiphorn.store.postgres import open_postgres
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        made = open_sqlite(tmp_path / "state.db")
    else:
        made = open_postgres(request.getfixturevalue("postgres").url, 10)
    yield made
    made.dispose()


@pytest.fixture
def store(database: Engine) -> Store:
    return Store(database)
