"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade(op: Operations) -> None:
    """Come here from the version before."""
    ${upgrades}
