"""What the handoff asks of this server: who is signed in, and what may they do over there?"""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from flask_handoff import Client, DependencyUnavailableError, HandoffIssuer, SignedInUser
from flask_service.database import database
from flask_service.health import OK, UNAVAILABLE
from flask_service.session_cookie import held_session_id

from . import clock
from .accounts.app_access import AppAccessEndedError, user_of_access
from .accounts.client_sessions import user_of_client_session
from .accounts.consents import find_consent
from .accounts.sessions import SessionExpiredError
from .accounts.users import User
from .accounts.valid_after import latest
from .audit import EndReason
from .db import unavailable_where_it_fails
from .handoff_record import record_entered, record_issued
from .permissions import permitted_scope, service_scope
from .sign_out import sign_out_here
from .signed_in import current_session


def signed_in_user() -> SignedInUser | None:
    """Return the user who is signed in."""
    session = current_session()
    return None if session is None else _describe(session.user, session.sid, session.auth_time)


def granted_scope(
    user: SignedInUser, client: Client, requested_scope: frozenset[str]
) -> frozenset[str]:
    """Return what they may do at the client, and record the handoff."""
    with database().writing() as connection:
        record_entered(connection, user, client)
        scope = permitted_scope(connection, user, client, requested_scope, handoff.clients)
        record_issued(connection, user, client, scope)
    return scope


def consented_at(
    user: SignedInUser, client: Client, requested_scope: frozenset[str]
) -> datetime | None:
    """Return when they agreed to all that the client would get."""
    with database().reading() as connection:
        scope = permitted_scope(connection, user, client, requested_scope, handoff.clients)
        consent = find_consent(connection, user.subject, client.client_id)
    return consent.given_at if consent is not None and scope <= consent.scope else None


def token_user(client: Client, subject: str, session_id: str | None) -> SignedInUser | None:
    """Return whom a client acts for that has a code or a token, if it still may.

    With a session that is as long as the session lives; without one, while the user is away.
    """
    now = clock.now()
    try:
        with unavailable_where_it_fails(), database().reading() as connection:
            if session_id is None:
                return _describe(user_of_access(connection, client, subject), "", now)
            return user_of_client_session(
                connection, client, sid=session_id, subject=subject, now=now
            )
    except (AppAccessEndedError, SessionExpiredError):
        return None


def client_scope(client: Client, requested_scope: frozenset[str]) -> frozenset[str]:
    """Return what a service may do for itself."""
    with unavailable_where_it_fails(), database().reading() as connection:
        return service_scope(connection, client.client_id)


def end_session(client: Client | None) -> None:
    """Sign out the user who is signed in: a client that their session entered asks for it."""
    client_id = None if client is None else client.client_id
    with database().writing() as connection:
        sign_out_here(connection, EndReason.SIGNED_OUT_AT_CLIENT, client_id)


def valid_after(client_id: str, subject: str | None, session_id: str | None) -> datetime | None:
    """Return since when what was issued for these counts."""
    with unavailable_where_it_fails(), database().reading() as connection:
        return latest(connection, client_id, subject, session_id)


def transaction() -> AbstractContextManager[object]:
    """Begin the transaction in which they are asked; none for a browser without a session."""
    return nullcontext() if held_session_id() is None else database().writing()


def _describe(user: User, session_id: str, auth_time: datetime) -> SignedInUser:
    return SignedInUser(
        user.subject, session_id, auth_time, user.name, user.email, user.email_verified
    )


handoff = HandoffIssuer(
    signed_in_user=signed_in_user,
    granted_scope=granted_scope,
    login_endpoint="login.login",
    transaction=transaction,
    consented_at=consented_at,
    consent_endpoint="consent.consent",
    token_user=token_user,
    client_scope=client_scope,
    end_session=end_session,
    logout_endpoint="login.logout",
    valid_after=valid_after,
)


def handoff_state() -> dict[str, str]:
    """Say, for a supervisor, whether the keys can be had that sign handoffs."""
    try:
        handoff.check_ready()
    except DependencyUnavailableError:
        return {"keys": UNAVAILABLE}
    return {"keys": OK}
