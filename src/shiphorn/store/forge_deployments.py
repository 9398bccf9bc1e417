"""How forges know deploys, and what they were told of each last."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, select

from shiphorn.model.forge import Progress
from shiphorn.store.patience import patient
from shiphorn.store.tables import deploys, forge_deployments
from shiphorn.store.upsert import insert_or_update


class Known(NamedTuple):
    """A deploy as a forge knows it. `remote` is what the forge calls it; `state` what it was told last."""

    deploy_id: int
    forge: str
    path: str
    environment: str
    remote: str
    state: Progress


@patient
class ForgeDeployments:
    """The table of deploys at forges."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def get(self, deploy_id: int, forge: str) -> Known | None:
        """What a forge knows of a deploy."""
        mine = (forge_deployments.c.deploy_id == deploy_id, forge_deployments.c.forge == forge)
        with self._database.connect() as connection:
            row = connection.execute(select(forge_deployments).where(*mine)).first()
        return _known(row) if row is not None else None

    def put(self, known: Known) -> None:
        """Keep what a forge knows of a deploy by now."""
        with self._database.begin() as connection:
            values = known._asdict() | {"state": known.state.value}
            insert_or_update(
                connection, forge_deployments, [values], ("path", "environment", "remote", "state")
            )

    def replaced(self, deploy_id: int, forge: str, app: str, environment: str) -> list[Known]:
        """The earlier deploys of an environment of which a forge knows no more than that they went well."""
        earlier = (
            forge_deployments.c.forge == forge,
            forge_deployments.c.state == Progress.DONE.value,
            forge_deployments.c.deploy_id < deploy_id,
            deploys.c.app == app,
            deploys.c.environment == environment,
        )
        query = select(forge_deployments).join(deploys).where(*earlier).order_by(deploys.c.id)
        with self._database.connect() as connection:
            return [_known(row) for row in connection.execute(query)]


def _known(row: Row[Any]) -> Known:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return Known(**values | {"state": Progress(values["state"])})
