"""The audit log: who did what to which account, as a row and as a line of JSON.

The row is written in the transaction of what it is about, so that both stand or fall together. The
line goes to the logger ``server1.audit`` once that transaction is committed: what was undone is in
neither. It is a JSON object in ASCII; docs/operate.md lists its keys.

A command leaves rows only: its stderr is a person's terminal, and not the log.

Nothing that a stranger typed is recorded: the text in the field for the address may be a password.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import click
import sqlalchemy as sa
from flask import Flask, current_app, has_request_context

from flask_handoff import request_id
from flask_handoff.stores.statements import Statement
from flask_service.client_address import client_address
from flask_service.database import Instant, database
from flask_service.logs import escape, utc_milliseconds

from . import clock
from .db import metadata

COMMAND_LINE = "command line"
THIS_SERVER = "this server"

LONGEST_CLIENT_ID = 128  # characters
LONGEST_DETAIL = 1200  # characters: a session and the longest scope
SWEPT_AT_ONCE = 20  # rows: two for each that came since the last sweep, so that none pile up
SWEPT_EVERY = 10  # rows: to look for old ones costs as much as to write a new one

_EXTENSION = "server1.audit.kept"

_log = logging.getLogger(__name__)


class Event(StrEnum):
    """What happened."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_THROTTLED = "sign_in_throttled"
    SESSION_ENDED = "session_ended"
    SIGNED_UP = "signed_up"
    VERIFICATION_REQUESTED = "verification_requested"
    EMAIL_VERIFIED = "email_verified"
    RESET_REQUESTED = "reset_requested"
    LINK_MAILED = "link_mailed"
    PASSWORD_RESET = "password_reset"  # noqa: S105
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    EMAIL_CHANGE_REQUESTED = "email_change_requested"
    EMAIL_CHANGED = "email_changed"
    NAME_CHANGED = "name_changed"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    GRANT_CHANGED = "grant_changed"
    CLIENT_ADDED = "client_added"
    CLIENT_SECRET_ROTATED = "client_secret_rotated"  # noqa: S105
    CLIENT_KEY_ROTATED = "client_key_rotated"
    CLIENT_DISABLED = "client_disabled"
    CLIENT_ENABLED = "client_enabled"
    CONSENT_GIVEN = "consent_given"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    HANDOFF_ISSUED = "handoff_issued"
    HANDOFF_REFUSED = "handoff_refused"
    TOKENS_ISSUED = "tokens_issued"
    TOKENS_REFUSED = "tokens_refused"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    APP_ACCESS_ENDED = "app_access_ended"
    ACCESS_REVOKED = "access_revoked"
    CLIENT_SESSION_ENDED = "client_session_ended"


class EndReason(StrEnum):
    """Why something ended before its time."""

    SIGNED_OUT = "signed_out"
    SIGNED_OUT_AT_CLIENT = "signed_out_at_client"
    OTHER_ACCOUNT = "other_account"
    ENDED_BY_USER = "ended_by_user"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    EMAIL_VERIFIED = "email_verified"
    EMAIL_CHANGED = "email_changed"
    GRANT_CHANGED = "grant_changed"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    TOKEN_REUSED = "token_reused"  # noqa: S105
    REVOKED_BY_CLIENT = "revoked_by_client"
    REVOKED_BY_OPERATOR = "revoked_by_operator"
    TOO_MANY = "too_many"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_DELETED = "account_deleted"


audit = sa.Table(
    "audit",
    metadata,
    # SQLite counts by itself in a column of exactly this type.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("event", sa.String(40), nullable=False),
    sa.Column("request_id", sa.String(16)),
    # No foreign key: what happened to an account is kept when it is deleted.
    sa.Column("subject", sa.String(64)),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("client_id", sa.String(LONGEST_CLIENT_ID)),
    sa.Column("detail", sa.String(LONGEST_DETAIL)),
    sa.Column("reason", sa.String(40)),  # why something ended
    sa.Index("audit_by_subject", "subject", "at"),
)

_INSERT = Statement(sa.insert(audit).returning(audit.c.id))
# The oldest have the lowest numbers: one index less to write with each handoff.
_SWEEP = Statement(
    sa.delete(audit).where(
        audit.c.id.in_(
            sa.select(
                sa.select(audit.c.id)
                .order_by(audit.c.id)
                .limit(SWEPT_AT_ONCE)
                .with_for_update(skip_locked=True)
                .cte()  # else PostgreSQL may run it once for each row
            )
        ),
        audit.c.at < sa.bindparam("kept_from"),
    )
)


def init_app(app: Flask, *, kept: timedelta) -> None:
    """Have the application keep what is recorded for so long."""
    app.extensions[_EXTENSION] = kept


def record(
    connection: sa.Connection,
    event: Event,
    *,
    subject: str | None = None,
    client_id: str | None = None,
    detail: str | None = None,
    reason: EndReason | None = None,
) -> None:
    """Record an event of this request, or of this command.

    Args:
        connection: Of the writing transaction that does what is recorded.
        subject: Whose account it is about; None where there is none.
        detail: Our own words, or values that were checked: nothing secret, nothing typed by a
            stranger.
        reason: Why it ended, where it is the end of something.

    Raises:
        RuntimeError: No writing transaction is open in this thread.
        sqlalchemy.exc.SQLAlchemyError: It cannot be recorded. The transaction is undone.
    """
    now = clock.now()
    in_request = has_request_context()
    address = client_address() if in_request else _place()
    about = {
        "event": event.value,
        "request_id": request_id() if in_request else None,
        "subject": subject,
        "address": address,
        "client_id": _one_line(client_id, LONGEST_CLIENT_ID),
        "detail": _one_line(detail, LONGEST_DETAIL),
        "reason": reason,
    }
    number = _INSERT.row(connection, at=now, **about).id
    if number % SWEPT_EVERY == 0:
        _SWEEP.rows(connection, kept_from=now - current_app.extensions[_EXTENSION])
    line = as_json(now, about)
    level = logging.DEBUG if address == COMMAND_LINE else logging.INFO
    database().after_commit(lambda: _log.log(level, "%s", line))


def as_json(at: datetime, about: Mapping[str, Any]) -> str:
    """Return the line of a row: a JSON object in ASCII, all keys always there, in this order."""
    return json.dumps(
        {
            "at": utc_milliseconds(at),
            "event": about["event"],
            "request_id": about["request_id"],
            "account": about["subject"],
            "address": about["address"],
            "client": about["client_id"],
            "detail": about["detail"],
            "reason": about["reason"],
        }
    )


def _place() -> str:
    return THIS_SERVER if click.get_current_context(silent=True) is None else COMMAND_LINE


def _one_line(text: str | None, longest: int) -> str | None:
    return None if text is None else escape(text)[:longest]
