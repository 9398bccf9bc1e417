"""What robots remember: statuses, approvals, auto deploys, endpoints, codes; and what checks measured."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.add_column("tokens", sa.Column("via", sa.String(), nullable=False, server_default="api"))
    op.add_column("locks", sa.Column("branch", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "measured",
        sa.Column("deploy_id", sa.Integer(), sa.ForeignKey("deploys.id"), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("deploy_id", "host", "position"),
    )
    op.create_table(
        "commit_statuses",
        sa.Column("sha", sa.String(), nullable=False),
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("sha", "repository", "source", "context"),
    )
    op.create_index("commit_statuses_at", "commit_statuses", ["at"])
    op.create_table(
        "received",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("delivery", sa.String(), nullable=False),
        sa.Column("once", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.UniqueConstraint("nonce", name="one_row_a_receipt"),
        sa.UniqueConstraint("sender", "once", name="one_receipt_a_delivery"),
        sa.UniqueConstraint("sender", "digest", name="one_receipt_a_content"),
    )
    op.create_index("received_at", "received", ["at"])
    op.create_table(
        "forge_deployments",
        sa.Column("deploy_id", sa.Integer(), sa.ForeignKey("deploys.id"), nullable=False),
        sa.Column("forge", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("remote", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("deploy_id", "forge"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("sha", sa.String(), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("hosts", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("withdrawn_at", sa.Float(), nullable=True),
    )
    op.create_index("approvals_of_commit", "approvals", ["app", "environment", "sha"])
    op.create_table(
        "auto_deploys",
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("sha", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("deploy_id", sa.Integer(), sa.ForeignKey("deploys.id"), nullable=True),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.Float(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("stopped_at", sa.Float(), nullable=True),
        sa.Column("stopped_by", sa.String(), nullable=False),
        sa.Column("stopped_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "environment"),
    )
    op.create_table(
        "endpoints",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.Float(), nullable=True),
        sa.Column("removed_at", sa.Float(), nullable=True),
    )
    op.create_index("endpoints_of_app", "endpoints", ["app", "environment", "name"])
    op.create_index("endpoints_removed", "endpoints", ["removed_at"])
    there = sa.text("removed_at IS NULL")
    has_port = sa.text("removed_at IS NULL AND port > 0")
    for name, columns, where in (
        ("one_endpoint_a_name", ["app", "environment", "name"], there),
        ("one_endpoint_a_branch", ["app", "environment", "branch"], there),
        ("one_endpoint_a_url", ["url"], there),
        ("one_endpoint_a_port", ["port"], has_port),
    ):
        op.create_index(name, "endpoints", columns, unique=True, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "codes",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("people.id"), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("used_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "chat_networks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("held_until", sa.Float(), nullable=False),
        sa.Column("nick", sa.String(), nullable=False),
        sa.Column("connected_at", sa.Float(), nullable=True),
        sa.Column("rooms", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("failed_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "told_messages",
        sa.Column("notifier", sa.String(), nullable=False),
        sa.Column("deploy_id", sa.Integer(), sa.ForeignKey("deploys.id"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("notifier", "deploy_id"),
    )
    op.create_table(
        "taken_once",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_index("taken_once_at", "taken_once", ["at"])
