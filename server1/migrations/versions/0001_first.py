"""The tables of 0.1.0, which kept no version: a database with them is taken for this one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    """Make the tables in an empty database."""
    op.create_table(
        "users",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_folded", sa.String(254), nullable=False, unique=True),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "grants",
        sa.Column("subject", sa.String(64), _of_user(), primary_key=True),
        sa.Column("client_id", sa.String(128), primary_key=True),
        sa.Column("scope", sa.String(1000), nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id_sha256", sa.String(64), primary_key=True),
        sa.Column("sid", sa.String(64), nullable=False, unique=True),
        sa.Column("subject", sa.String(64), _of_user(), nullable=False, index=True),
        sa.Column("auth_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(200), nullable=False),
        sa.Index("sessions_by_last_seen_at", "last_seen_at"),
    )
    op.create_table(
        "throttles",
        sa.Column("key_sha256", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=False),
        sa.Index("throttles_by_over_at", "over_at"),
    )
    op.create_table(
        "known_addresses",
        sa.Column("subject", sa.String(64), _of_user(), primary_key=True),
        sa.Column("network", sa.String(64), primary_key=True),
        sa.Column("last_signed_in_at", sa.DateTime(timezone=True), nullable=False),
    )


def _of_user() -> sa.ForeignKey:
    return sa.ForeignKey("users.subject", ondelete="CASCADE")
