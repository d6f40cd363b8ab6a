"""What a supervisor asks: does the process live, and can it do its work?"""

from __future__ import annotations

from flask import Blueprint
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff.errors import JWKSUnavailableError, ReplayStoreUnavailableError
from flask_service.error_pages import RETRY_AFTER

from .accounts import accounts
from .db import database
from .handoff import handoff

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> tuple[str, int, dict[str, str]]:
    """Answer 200 as long as the process answers at all."""
    return "ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"}


@blueprint.get("/readyz")
def readyz() -> tuple[dict[str, str | float | None], int, dict[str, str]]:
    """Answer 200 when people can sign in, else 503 and which part is out of reach.

    Beside the parts it tells by how many seconds SERVER1's clock is ahead of this one.
    """
    parts: dict[str, str | float | None] = {
        "database": "ok",
        "replay_store": "ok",
        "keys": "ok",
    }
    try:
        with database().reading() as connection:
            connection.execute(select(accounts.c.id).limit(1))
    except SQLAlchemyError:
        parts["database"] = "unavailable"
    try:
        handoff.check_ready()
    except ReplayStoreUnavailableError:
        parts["replay_store"] = "unavailable"
    except JWKSUnavailableError:
        parts["keys"] = "unavailable"
    ready = set(parts.values()) == {"ok"}
    difference = handoff.clock_difference()
    parts["clock_difference_seconds"] = None if difference is None else difference.total_seconds()
    return parts, 200 if ready else 503, {} if ready else {"Retry-After": str(RETRY_AFTER)}
