"""SERVER2's side of the handoff: how a person who arrives is signed in here, and out again."""

from flask import url_for
from sqlalchemy.exc import SQLAlchemyError

from flask_handoff import Arrival, DependencyUnavailableError, HandoffReceiver, LiveSession, Logout
from flask_handoff.errors import (
    IssuerClockError,
    JWKSUnavailableError,
    ReplayStoreUnavailableError,
)
from flask_service.database import database
from flask_service.health import OK, UNAVAILABLE
from flask_service.session_cookie import give_session_id

from .accounts import remember_account
from .sessions import current_session, end_sessions_of, start_session


def sign_in(arrival: Arrival) -> str:
    """Open this server's own session for the person who arrived."""
    with database().writing() as connection:
        claims = arrival.claims
        account_id = remember_account(
            connection, claims.issuer, claims.subject, name=claims.name, email=claims.email
        )
        session_id, handle = start_session(connection, account_id, arrival)
        # The token is claimed in the same transaction, and no browser gets a cookie without it.
        database().after_commit(lambda: give_session_id(session_id))
    return handle


def live_session() -> LiveSession | None:
    """Say which session this browser holds, so that a repeated callback does no harm."""
    session = current_session()
    return None if session is None else session.live


def end_sessions(logout: Logout) -> None:
    """End the sessions here that came from those that have ended at SERVER1."""
    try:
        with database().writing() as connection:
            end_sessions_of(connection, logout)
    except SQLAlchemyError as error:
        raise DependencyUnavailableError(f"the database failed ({type(error).__name__})") from error


def not_confirmed(target: str) -> str:
    """Say where to go when a session was checked, which has ended here, and SERVER1 knows none."""
    return url_for("pages.signed_out", target_link_uri=target)


handoff = HandoffReceiver(
    sign_in=sign_in,
    live_session=live_session,
    end_sessions=end_sessions,
    not_confirmed=not_confirmed,
)


def handoff_state() -> dict[str, str | float | None]:
    """Say, for a supervisor, what a handoff depends on, and how far ahead SERVER1's clock is."""
    state: dict[str, str | float | None] = {"replay_store": OK, "keys": OK, "clocks": OK}
    try:
        handoff.check_ready()
    except ReplayStoreUnavailableError:
        state["replay_store"] = UNAVAILABLE
    except JWKSUnavailableError:
        state["keys"] = UNAVAILABLE
    except IssuerClockError:
        state["clocks"] = UNAVAILABLE
    ahead = handoff.clock_difference()
    return {**state, "clock_difference_seconds": None if ahead is None else ahead.total_seconds()}
