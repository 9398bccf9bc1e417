"""Auto deploys by what is on record on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shiphorn.config.load import Config
    from shiphorn.service.auto.standing import AutoStanding


def standings(config: Config) -> list[AutoStanding]:
    """How the environments stand that deploy by themselves."""
    from shiphorn.service.auto.standing import standings as of  # noqa: PLC0415
    from shiphorn.wiring import open_store  # noqa: PLC0415

    with open_store() as store:
        return of(store, [config])


def stop(config: Config, actor: str, environment: str, reason: str) -> None:
    """Let nothing go out by itself."""
    from shiphorn.model.people import local  # noqa: PLC0415
    from shiphorn.service.auto.standing import stop_here  # noqa: PLC0415
    from shiphorn.wiring import open_store  # noqa: PLC0415

    with open_store() as store:
        stop_here(store, local(actor), config, environment, reason)


def resume(config: Config, actor: str, environment: str, reason: str) -> None:
    """Let things go out by themselves again."""
    from shiphorn.model.people import local  # noqa: PLC0415
    from shiphorn.service.auto.standing import resume_here  # noqa: PLC0415
    from shiphorn.wiring import open_store  # noqa: PLC0415

    with open_store() as store:
        resume_here(store, local(actor), config, environment, reason)
