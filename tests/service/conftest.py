"""A store of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(open_sqlite(tmp_path / "state.db"))
    yield opened
    opened.close()
