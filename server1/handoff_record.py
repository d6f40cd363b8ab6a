"""What is kept of handoffs and of tokens: events in the audit log, and what a session entered."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff import (
    Client,
    DependencyUnavailableError,
    InteractionRequiredError,
    SignedInUser,
    handoff_refused,
)
from flask_handoff.claims import AccessClaims, ClientGrant, CodeGrant, RefreshFamily
from flask_handoff.errors import (
    AuthorizationReturnedError,
    HandoffError,
    SigningUnavailableError,
)
from flask_handoff.signals import (
    refresh_token_reused,
    token_revoked,
    tokens_issued,
    tokens_refused,
)
from flask_handoff.web import request_id
from flask_service.client_address import client_address
from flask_service.database import database

from . import audit, clock, revocation_notices
from .accounts import users
from .accounts.app_access import notify_of_families
from .accounts.client_sessions import note_client_session
from .accounts.sessions import SessionExpiredError
from .accounts.throttles import Limit, TooManyAttemptsError, count_request, network_of
from .accounts.users import UserUnknownError
from .audit import EndReason, Event
from .db import unavailable_where_it_fails
from .mail.queue import EmailKind, enqueue
from .signed_in import current_session

_log = logging.getLogger(__name__)

RECORDED_REFUSALS = Limit("recorded refusals", 20, timedelta(minutes=1))
"""How many refusals of one network are recorded: anyone can ask, and must not fill the database."""


def init_app(app: Flask) -> None:
    """Record what this application refuses, and the tokens that it gives to programs."""
    handoff_refused.connect(_record_refused, app, weak=False)
    tokens_issued.connect(_record_tokens, app, weak=False)
    tokens_refused.connect(_record_tokens_refused, app, weak=False)
    refresh_token_reused.connect(_record_reused, app, weak=False)
    token_revoked.connect(_record_revoked, app, weak=False)


def record_entered(connection: Connection, user: SignedInUser, client: Client) -> None:
    """Note that a session enters a client, before it is asked what it may do there.

    No token may be made where this fails: a logout could not notify that service.

    Raises:
        InteractionRequiredError: The session has ended meanwhile: its user has to sign in again.
        sqlalchemy.exc.SQLAlchemyError: It cannot be noted.
    """
    try:
        note_client_session(connection, user.session_id, client.client_id, clock.now())
    except SessionExpiredError:
        ended = InteractionRequiredError("login.login", "the session ended meanwhile")
        ended.error = "login_required"
        raise ended from None


def record_issued(
    connection: Connection, user: SignedInUser, client: Client, scope: frozenset[str]
) -> None:
    """Record a handoff in the writing transaction that grants it, before its token is made.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: It cannot be recorded; no token may be made.
    """
    audit.record(
        connection,
        Event.HANDOFF_ISSUED,
        subject=user.subject,
        client_id=client.client_id,
        detail=f"session {user.session_id}, scope {' '.join(sorted(scope)) or '-'}",
    )


def _record_tokens(
    _app: Flask,
    *,
    user: SignedInUser | None,
    client: Client,
    grant: CodeGrant | RefreshFamily | ClientGrant,
    **_more: object,
) -> None:
    """Record, in the transaction that grants them, the tokens that a client is about to get.

    Raises:
        DependencyUnavailableError: That is not possible, and it gets none.
    """
    scope = " ".join(sorted(grant.scope)) or "-"
    if isinstance(grant, ClientGrant):
        granted_to = "itself"
    elif isinstance(grant, RefreshFamily):
        granted_to = f"app {grant.family_id}"
    else:
        granted_to = f"session {grant.session_id}"
    with unavailable_where_it_fails(), database().writing() as connection:
        audit.record(
            connection,
            Event.TOKENS_ISSUED,
            subject=None if user is None else user.subject,
            client_id=client.client_id,
            detail=f"{granted_to}, for {grant.audience}, scope {scope}",
        )


def _record_reused(_app: Flask, *, client: Client, family: RefreshFamily, **_more: object) -> None:
    """Record that an access ended because its refresh token was used twice, and tell its user.

    Raises:
        DependencyUnavailableError: That is not possible; the access ends at the next try.
    """
    with unavailable_where_it_fails(), database().writing() as connection:
        audit.record(
            connection,
            Event.REFRESH_TOKEN_REUSED,
            subject=family.subject,
            client_id=client.client_id,
            detail=f"app {family.family_id}",
            reason=EndReason.TOKEN_REUSED,
        )
        notify_of_families(connection, [family])
        with suppress(UserUnknownError):
            user = users.by_subject(connection, family.subject)
            kind = EmailKind.APP_ACCESS_ENDED
            enqueue(connection, kind, address=user.email, subject=user.subject)


def _record_revoked(
    _app: Flask, *, client: Client, revoked: RefreshFamily | AccessClaims, **_more: object
) -> None:
    """Record what a client has revoked, in the transaction in which that ends.

    Raises:
        DependencyUnavailableError: That is not possible, and nothing ends.
    """
    is_of_user = revoked.subject != client.client_id
    reason = None
    if isinstance(revoked, RefreshFamily):
        event, what = Event.APP_ACCESS_ENDED, f"app {revoked.family_id}"
        reason = EndReason.REVOKED_BY_CLIENT
    else:
        event, what = Event.TOKEN_REVOKED, f"{revoked.jwt_id}, for {revoked.audience}"
    with unavailable_where_it_fails(), database().writing() as connection:
        audit.record(
            connection,
            event,
            subject=revoked.subject if is_of_user else None,
            client_id=client.client_id,
            detail=what,
            reason=reason,
        )
        if isinstance(revoked, AccessClaims):
            named = {"audience": revoked.audience}
            jwt_ids = [revoked.jwt_id]
            revocation_notices.enqueue(connection, "jti", jwt_ids, revoked.expires_at, **named)


def _record_tokens_refused(
    _app: Flask, *, error: HandoffError, client: Client | None, **_more: object
) -> None:
    """Record that a program got no tokens; a browser's session has no part in it."""
    if _is_of_the_database(error):
        return
    with _as_far_as_possible():
        _record_refusal(Event.TOKENS_REFUSED, client, f"{error.code}: {error}", subject=None)


def _record_refused(
    _app: Flask, *, error: HandoffError, client: Client | None, **_more: object
) -> None:
    """Record that nobody was handed on."""
    if _is_of_the_database(error):
        return
    code = error.error if isinstance(error, AuthorizationReturnedError) else error.code
    with _as_far_as_possible():
        session = current_session()
        subject = None if session is None else session.user.subject
        _record_refusal(Event.HANDOFF_REFUSED, client, f"{code}: {error}", subject=subject)


def _is_of_the_database(error: HandoffError) -> bool:
    """Tell whether a database is why: to record it there would double the wait for what fails."""
    is_unavailable = isinstance(error, DependencyUnavailableError)
    return is_unavailable and not isinstance(error, SigningUnavailableError)


def _record_refusal(
    event: Event, client: Client | None, detail: str, *, subject: str | None
) -> None:
    network = network_of(client_address())
    with suppress(TooManyAttemptsError), database().writing() as connection:
        count_request(connection, RECORDED_REFUSALS, network, now=clock.now())
        client_id = None if client is None else client.client_id
        audit.record(connection, event, subject=subject, client_id=client_id, detail=detail)


@contextmanager
def _as_far_as_possible() -> Iterator[None]:
    """Let a refusal stay one, in the same words, when it cannot be recorded."""
    try:
        yield
    except SQLAlchemyError as failure:
        _log.error("not recorded: %s request_id=%s", type(failure).__name__, request_id())
