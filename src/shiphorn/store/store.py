"""The store: one database file with everything that shiphorn remembers."""

from __future__ import annotations

from pathlib import Path

from shiphorn.store.deploys import Deploys
from shiphorn.store.hosts import HostRuns
from shiphorn.store.locks import Locks
from shiphorn.store.marks import Marks
from shiphorn.store.records import Records
from shiphorn.store.schema import migrate
from shiphorn.store.sqlite import open_sqlite


class Store:
    """Opens the database at `path`, made or migrated when need be."""

    def __init__(self, path: Path) -> None:
        self._database = open_sqlite(path)
        migrate(self._database)
        self.deploys = Deploys(self._database)
        self.hosts = HostRuns(self._database)
        self.records = Records(self._database)
        self.locks = Locks(self._database)
        self.marks = Marks(self._database)

    def close(self) -> None:
        """Close the connections."""
        self._database.dispose()
