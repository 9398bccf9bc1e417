"""Approvals by the API of a service."""

from __future__ import annotations

from dataclasses import asdict

from shiphorn.cli.wire import Wire, made, part
from shiphorn.model.approvals import Approval
from shiphorn.model.deploy import Order


class ApprovesThere:
    """The part of the desk that approves."""

    _wire: Wire

    def approve(self, subject: int | Order, reason: str, *, withdraw: bool) -> Approval | None:
        """Approve a deploy, or a commit."""
        path, body = _asked(subject)
        body["reason"] = reason
        if withdraw:
            self._wire.post(f"{path}/withdraw", body)
            return None
        return made(Approval, self._wire.post(path, body))


def _asked(subject: int | Order) -> tuple[str, dict[str, object]]:
    if isinstance(subject, int):
        return f"/deploys/{subject}/approve", {}
    place = f"/apps/{part(subject.app)}/environments/{part(subject.environment)}/approvals"
    selection = {name: list(values) for name, values in asdict(subject.selection).items()}
    return place, {"ref": subject.ref, "selection": selection}
