"""Each session knows the key that signed its token, so that those of a revoked key can be ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0003"
down_revision = "0002"


def upgrade(op: Operations) -> None:
    """Note the key. Of the sessions that are there it is not known; they live 12 hours at most."""
    op.add_column("sessions", sa.Column("kid", sa.String(64)))
    op.create_index("ix_sessions_kid", "sessions", ["kid"])
