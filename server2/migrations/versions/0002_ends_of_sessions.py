"""Sessions that the issuer ends, and those of a key that was revoked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0002"
down_revision = "0001"


def upgrade(op: Operations) -> None:
    """Let each session know when it was handed on and by which key; remember log-outs."""
    op.add_column("sessions", sa.Column("token_issued_at", sa.DateTime(timezone=True)))
    # Within seconds of each other; the issuer's own instant was not kept.
    op.execute("UPDATE sessions SET token_issued_at = started_at")
    with op.batch_alter_table("sessions") as sessions:
        sessions.alter_column("token_issued_at", nullable=False)
    op.create_index("ix_sessions_issuer_session_id", "sessions", ["issuer_session_id"])
    # Of the sessions that are there it is not known; they live 12 hours at most.
    op.add_column("sessions", sa.Column("kid", sa.String(64)))
    op.create_index("ix_sessions_kid", "sessions", ["kid"])
    # The library's table, in SERVER2's database and under SERVER2's versions.
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
