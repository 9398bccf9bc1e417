"""pause, continue, stop: what people say to a deploy that is under way."""

from __future__ import annotations

from typing import Annotated

import typer

from shiphorn.cli.desk import desk_for
from shiphorn.cli.terminal import LocalOption
from shiphorn.errors import Refused

OptionalIdArgument = Annotated[
    int | None, typer.Argument(metavar="[ID]", help="Number of the deploy; see horn history.")
]


def stop(
    deploy_id: Annotated[int, typer.Argument(metavar="ID", help="Number of the deploy; see horn history.")],
    leave: Annotated[
        bool, typer.Option("--leave", help="Leave hosts that have switched as they are.")
    ] = False,
    local: LocalOption = False,
) -> None:
    """End a deploy, at whatever it is: hosts that have switched go back, the others are undone."""
    from shiphorn.model.deploy import Wish  # noqa: PLC0415

    desk_for(local=local).ask(deploy_id, Wish.LEAVE if leave else Wish.STOP)
    typer.echo(f"Asked deploy {deploy_id} to stop. Its own terminal, or horn history, says how it ends.")


def pause(
    deploy_id: OptionalIdArgument = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All deploys, and let nobody begin another.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, with --everything.")] = "",
    local: LocalOption = False,
) -> None:
    """Hold a deploy: hosts at work settle, no further one begins, until somebody says how to go on."""
    from shiphorn.model.deploy import Wish  # noqa: PLC0415

    _require_one(deploy_id, everything=everything)
    desk = desk_for(local=local)
    if deploy_id is not None:
        desk.ask(deploy_id, Wish.PAUSE)
        typer.echo(f"Asked deploy {deploy_id} to pause. Go on: horn continue {deploy_id}")
        return
    asked = desk.pause_everything(reason)
    typer.echo(f"Locked everything, and asked {asked} deploys to pause. Go on: horn continue --everything")


def continue_(
    deploy_id: OptionalIdArgument = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All deploys, and let others begin again.")
    ] = False,
    local: LocalOption = False,
) -> None:
    """Let a paused deploy go on, also where it asks whether to."""
    from shiphorn.model.deploy import Wish  # noqa: PLC0415

    _require_one(deploy_id, everything=everything)
    desk = desk_for(local=local)
    if deploy_id is not None:
        desk.ask(deploy_id, Wish.CONTINUE)
        typer.echo(f"Deploy {deploy_id} goes on.")
        return
    asked = desk.continue_everything()
    typer.echo(f"Unlocked everything, and {asked} deploys go on.")


def _require_one(deploy_id: int | None, *, everything: bool) -> None:
    if (deploy_id is None) != everything:
        raise Refused("SH534", "name one deploy, or --everything.", hint="What is under way: horn queue")
