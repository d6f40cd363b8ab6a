"""What Alembic runs, to upgrade the database that it is given or to draft a migration."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.operations import Operations
from sqlalchemy import DateTime
from sqlalchemy.types import TypeDecorator


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own type as what it is in a database: a migration imports nothing of ours."""
    if kind == "type" and isinstance(item, TypeDecorator) and isinstance(item.impl, DateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    render_as_batch=True,  # SQLite changes a column in no other way
    render_item=render_item,
)
context.run_migrations(op=Operations(context.get_context()))
