"""The tables of accounts, their sessions and notes, and those of the library."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    """Make the tables in an empty database."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "accounts",
        sa.Column("id", number, primary_key=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("issuer", "subject"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        sa.Column("id_sha256", sa.String(64), primary_key=True),
        sa.Column("handle", sa.String(32), nullable=False, unique=True),
        sa.Column(
            "account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False, index=True
        ),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("issuer_session_id", sa.Text, index=True),
        sa.Column("token_issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("kid", sa.String(255), nullable=False, index=True),
        sa.Column("target", sa.String(2048), nullable=False),
        sa.Column("auth_time", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False, index=True),
    )
    op.create_table(
        "notes",
        sa.Column("id", number, primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Index("notes_of_an_account", "account_id", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sent_forms",
        sa.Column("form_sha256", sa.String(64), primary_key=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept", sa.Text),
        sa.Column("location", sa.Text),
        sa.Index("sent_forms_by_expires_at", "expires_at"),
    )
    _make_tables_of_the_library(op, number)


def _make_tables_of_the_library(op: Operations, number: sa.types.TypeEngine[int]) -> None:
    # In SERVER2's database and under SERVER2's versions.
    op.create_table(
        "handoff_replay",
        sa.Column("issuer", sa.String(255), primary_key=True),
        sa.Column("jwt_id", sa.String(261), primary_key=True),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Index("handoff_replay_by_expiry", "expires_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "handoff_logouts",
        sa.Column("issuer", sa.String(255), primary_key=True),
        sa.Column("claim", sa.String(3), primary_key=True),
        sa.Column("value", sa.String(255), primary_key=True),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Index("handoff_logouts_by_expiry", "expires_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "handoff_revocations",
        sa.Column("number", number, primary_key=True),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("claim", sa.String(9), nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.Column("dated", sa.BigInteger, nullable=False),
        sa.Column("forget_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("claim", "value", "issuer"),
        sa.Index("handoff_revocations_by_expiry", "forget_at"),
        sqlite_autoincrement=True,
    )
