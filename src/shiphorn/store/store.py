"""The store: one database with everything that shiphorn remembers."""

from __future__ import annotations

from sqlalchemy import Engine

from shiphorn.store.approvals import Approvals
from shiphorn.store.audit import Audit
from shiphorn.store.auto_deploys import AutoDeploys
from shiphorn.store.chat_networks import ChatNetworks
from shiphorn.store.codes import Codes
from shiphorn.store.deploys import Deploys
from shiphorn.store.endpoints import Endpoints
from shiphorn.store.forge_deployments import ForgeDeployments
from shiphorn.store.health import HealthRecord
from shiphorn.store.history import History
from shiphorn.store.hosts import HostRuns
from shiphorn.store.locks import Locks
from shiphorn.store.marks import Marks
from shiphorn.store.measured import MeasuredChecks
from shiphorn.store.members import Members
from shiphorn.store.notified import Notified
from shiphorn.store.once import Once
from shiphorn.store.people import People
from shiphorn.store.postgres import explaining, place, require_version
from shiphorn.store.pulse import Pulse
from shiphorn.store.received import ReceivedLog
from shiphorn.store.records import Records
from shiphorn.store.schema import migrate
from shiphorn.store.sessions import Sessions
from shiphorn.store.statuses import Statuses
from shiphorn.store.tallies import Tallies
from shiphorn.store.tokens import Tokens
from shiphorn.store.told import Told
from shiphorn.store.webhooks import Webhooks


class Store:
    """Works on a database, made or migrated when need be, and closed with the store.

    Raises DatabaseError SH801, SH802, SH804, Refused SH590.
    """

    def __init__(self, database: Engine) -> None:
        self._database = database
        with explaining(database):
            require_version(database)
            migrate(database)
        self.deploys = Deploys(database)
        self.history = History(database)
        self.hosts = HostRuns(database)
        self.members = Members(database)
        self.health = HealthRecord(database)
        self.measured = MeasuredChecks(database)
        self.records = Records(database)
        self.locks = Locks(database)
        self.marks = Marks(database)
        self.people = People(database)
        self.sessions = Sessions(database)
        self.tokens = Tokens(database)
        self.audit = Audit(database)
        self.pulse = Pulse(database)
        self.webhooks = Webhooks(database)
        self.notified = Notified(database)
        self.codes = Codes(database)
        self.chat_networks = ChatNetworks(database)
        self.statuses = Statuses(database)
        self.approvals = Approvals(database)
        self.auto = AutoDeploys(database)
        self.received = ReceivedLog(database)
        self.forge_deployments = ForgeDeployments(database)
        self.tallies = Tallies(database)
        self.told = Told(database)
        self.once = Once(database)
        self.endpoints = Endpoints(database)

    @property
    def place(self) -> str:
        """Where the database is, for people."""
        return place(self._database.url)

    def close(self) -> None:
        """Close the connections."""
        self._database.dispose()
