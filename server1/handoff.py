"""What the handoff asks of this server: who is signed in, and what may they do over there?"""

from contextlib import AbstractContextManager, nullcontext

from flask_handoff import AccessDeniedError, Client, HandoffIssuer, SignedInUser
from flask_service.database import database
from flask_service.session_cookie import held_session_id

from .accounts.grants import scope_of
from .config import config
from .handoff_record import record_issued
from .signed_in import current_session


def signed_in_user() -> SignedInUser | None:
    """Return the user who is signed in."""
    session = current_session()
    if session is None:
        return None
    user = session.user
    return SignedInUser(
        user.subject, session.sid, session.auth_time, user.name, user.email, user.email_verified
    )


def granted_scope(
    user: SignedInUser, client: Client, requested_scope: frozenset[str]
) -> frozenset[str]:
    """Return what they may do at the client, and record the handoff."""
    if config().requires_verified_email and not user.email_verified:
        raise AccessDeniedError
    with database().writing() as connection:
        scope = scope_of(connection, user.subject, client.client_id)
        if not scope:
            raise AccessDeniedError
        record_issued(connection, user, client, scope & requested_scope)
    return scope & requested_scope


def transaction() -> AbstractContextManager[object]:
    """Begin the transaction in which both are asked; none for a browser without a session."""
    return nullcontext() if held_session_id() is None else database().writing()


handoff = HandoffIssuer(
    signed_in_user=signed_in_user,
    granted_scope=granted_scope,
    login_endpoint="login.login",
    transaction=transaction,
)
