"""What is kept of each handoff: an event in the audit log, and the service that was entered."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta

from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff import Client, SignedInUser, handoff_refused
from flask_handoff.errors import AuthorizationReturnedError, HandoffError
from flask_handoff.web import request_id
from flask_service.client_address import client_address
from flask_service.database import database

from . import audit, clock
from .accounts.client_sessions import note_client_session
from .accounts.sessions import SessionExpiredError
from .accounts.throttles import Limit, TooManyAttemptsError, count_request, network_of
from .audit import Event
from .signed_in import current_session

_log = logging.getLogger(__name__)

RECORDED_REFUSALS = Limit("recorded refusals", 20, timedelta(minutes=1))
"""How many refusals of one network are recorded: anyone can ask, and must not fill the database."""


def init_app(app: Flask) -> None:
    """Record the handoffs that this application refuses."""
    handoff_refused.connect(_record_refused, app, weak=False)


def record_issued(
    connection: Connection, user: SignedInUser, client: Client, scope: frozenset[str]
) -> None:
    """Record a handoff in the writing transaction that grants it, before its token is made.

    No token may be made where this fails: a logout could not notify that service.

    Raises:
        AuthorizationReturnedError: The session has ended meanwhile.
        sqlalchemy.exc.SQLAlchemyError: It cannot be recorded.
    """
    try:
        note_client_session(connection, user.session_id, client.client_id, clock.now())
    except SessionExpiredError:
        raise AuthorizationReturnedError(
            "the session ended meanwhile", error="login_required"
        ) from None
    audit.record(
        connection,
        Event.HANDOFF_ISSUED,
        subject=user.subject,
        client_id=client.client_id,
        detail=f"session {user.session_id}, scope {' '.join(sorted(scope | {'openid'}))}",
    )


def _record_refused(
    _app: Flask, *, error: HandoffError, client: Client | None, **_more: object
) -> None:
    """Record a refusal. It stays one, in the same words, when it cannot be recorded."""
    code = error.error if isinstance(error, AuthorizationReturnedError) else error.code
    network = network_of(client_address())
    try:
        session = current_session()
        with suppress(TooManyAttemptsError), database().writing() as connection:
            count_request(connection, RECORDED_REFUSALS, network, now=clock.now())
            audit.record(
                connection,
                Event.HANDOFF_REFUSED,
                subject=None if session is None else session.user.subject,
                client_id=None if client is None else client.client_id,
                detail=f"{code}: {error}",
            )
    except SQLAlchemyError as failure:
        _log.error("not recorded: %s request_id=%s", type(failure).__name__, request_id())
