"""Waves, wishes and pauses of deploys; locks, bad marks and health."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("deploys") as deploys:
        for column in (
            sa.Column("forced", sa.Text(), nullable=False, server_default=""),
            sa.Column("wave", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("waves", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("accepted", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("wish", sa.String(), nullable=False, server_default=""),
            sa.Column("wish_by", sa.String(), nullable=False, server_default=""),
            sa.Column("pause_reason", sa.Text(), nullable=False, server_default=""),
            sa.Column("paused_at", sa.Float(), nullable=True),
        ):
            deploys.add_column(column)
    op.execute("UPDATE deploys SET wish = 'stop', wish_by = stop_requested_by WHERE stop_requested_by <> ''")
    # Not by way of a batch: that makes the table anew, and other tables refer to it.
    op.execute("ALTER TABLE deploys DROP COLUMN stop_requested_by")
    with op.batch_alter_table("host_runs") as host_runs:
        host_runs.add_column(sa.Column("wave", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "health",
        sa.Column("deploy_id", sa.Integer(), sa.ForeignKey("deploys.id"), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("baseline", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("deploy_id", "host", "position"),
    )
    op.create_table(
        "locks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("placed_at", sa.Float(), nullable=False),
        sa.Column("until", sa.Float(), nullable=True),
        sa.Column("deploy_id", sa.Integer(), sa.ForeignKey("deploys.id"), nullable=True),
        sa.Column("released_at", sa.Float(), nullable=True),
        sa.Column("released_by", sa.String(), nullable=False),
        sa.Column("release_reason", sa.Text(), nullable=False),
    )
    op.create_index("locks_in_force", "locks", ["released_at"])
    persons_in_force = sa.text("released_at IS NULL AND deploy_id IS NULL")
    op.create_index(
        "one_lock_of_a_person",
        "locks",
        ["app", "environment"],
        unique=True,
        sqlite_where=persons_in_force,
        postgresql_where=persons_in_force,
    )
    op.create_table(
        "bad_marks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("sha", sa.String(), nullable=False),
        sa.Column("deploy_id", sa.Integer(), sa.ForeignKey("deploys.id"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("marked_by", sa.String(), nullable=False),
        sa.Column("marked_at", sa.Float(), nullable=False),
        sa.Column("cleared_by", sa.String(), nullable=False),
        sa.Column("cleared_at", sa.Float(), nullable=True),
        sa.Column("clear_reason", sa.Text(), nullable=False),
    )
    op.create_index("bad_marks_of_commit", "bad_marks", ["app", "sha"])
