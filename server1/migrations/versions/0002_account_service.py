"""Mails, their links, the audit log, which clients each session entered, and log-outs to tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0002"
down_revision = "0001"


def upgrade(op: Operations) -> None:
    """Make the tables of an account service."""
    _create_letters(op)
    _create_mail_links(op)
    _create_audit(op)
    _create_entered_clients(op)
    _create_logouts(op)
    _create_outlived_sessions(op)


def _create_letters(op: Operations) -> None:
    op.create_table(
        "letters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64)),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("browser_sha256", sa.String(64)),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.String(200)),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("given_up", sa.Boolean, nullable=False),
        sa.Index("letters_by_due_at", "given_up", "due_at"),
        sqlite_autoincrement=True,
    )


def _create_mail_links(op: Operations) -> None:
    user = sa.ForeignKey("users.subject", ondelete="CASCADE")
    op.create_table(
        "mail_links",
        sa.Column("token_sha256", sa.String(64), primary_key=True),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), user, nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("browser_sha256", sa.String(64)),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_by", sa.String(64)),
        sa.Index("mail_links_by_subject", "subject", "purpose"),
        sa.Index("mail_links_by_expires_at", "expires_at"),
    )


def _create_audit(op: Operations) -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "audit",
        sa.Column("id", number, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("request_id", sa.String(16)),
        sa.Column("subject", sa.String(64)),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("client_id", sa.String(128)),
        sa.Column("detail", sa.String(1200)),
        sa.Index("audit_by_subject", "subject", "at"),
    )


def _create_entered_clients(op: Operations) -> None:
    session = sa.ForeignKey("sessions.sid", ondelete="CASCADE")
    op.create_table(
        "entered_clients",
        sa.Column("sid", sa.String(64), session, primary_key=True),
        sa.Column("client_id", sa.String(128), primary_key=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
    )


def _create_logouts(op: Operations) -> None:
    op.create_table(
        "logouts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.String(128), nullable=False),
        sa.Column("sid", sa.String(64)),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.String(200)),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("given_up", sa.Boolean, nullable=False),
        sa.Index("logouts_by_due_at", "given_up", "due_at"),
        sa.Index("logouts_by_client_id", "client_id"),
        sqlite_autoincrement=True,
    )


def _create_outlived_sessions(op: Operations) -> None:
    user = sa.ForeignKey("users.subject", ondelete="CASCADE")
    op.create_table(
        "outlived_sessions",
        sa.Column("sid", sa.String(64), primary_key=True),
        sa.Column("client_id", sa.String(128), primary_key=True),
        sa.Column("subject", sa.String(64), user, nullable=False, index=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Index("outlived_sessions_by_noted_at", "noted_at"),
    )
