"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "deploys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("config_path", sa.Text(), nullable=False),
        sa.Column("config_text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("executor", sa.String(), nullable=False),
        sa.Column("token", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("sha", sa.String(), nullable=False),
        sa.Column("from_sha", sa.String(), nullable=False),
        sa.Column("flip_at", sa.Float(), nullable=True),
        sa.Column("skew_ms", sa.Float(), nullable=True),
        sa.Column("stop_requested_by", sa.String(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("deploys", schema=None) as batch_op:
        batch_op.create_index("deploys_of_environment", ["app", "environment", "id"], unique=False)

    op.create_table(
        "observed",
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("sha", sa.String(), nullable=False),
        sa.Column("releases", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("app", "environment", "host"),
    )
    op.create_table(
        "texts",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "deploy_locks",
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("deploy_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deploy_id"],
            ["deploys.id"],
        ),
        sa.PrimaryKeyConstraint("app", "environment"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deploy_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deploy_id"],
            ["deploys.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("events_of_deploy", ["deploy_id", "id"], unique=False)

    op.create_table(
        "host_runs",
        sa.Column("deploy_id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("target", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("previous_sha", sa.String(), nullable=False),
        sa.Column("flipped_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deploy_id"],
            ["deploys.id"],
        ),
        sa.PrimaryKeyConstraint("deploy_id", "host"),
    )
    op.create_table(
        "outputs",
        sa.Column("deploy_id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("exit_status", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deploy_id"],
            ["deploys.id"],
        ),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["texts.digest"],
        ),
        sa.PrimaryKeyConstraint("deploy_id", "host", "phase", "position"),
    )
