"""Back-channel logout at SERVER2: one logout token, server to server, ends sessions.

A handoff that was minted before a logout may arrive after it, or at the same moment. A sign-in
writes its session first and then looks for a logout; a logout is noted first, and then looks for
sessions. So at least one of the two sees the other.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import cast

from flask import current_app
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Response

from flask_handoff.claims import HandoffClaims, Logout, UnverifiedToken
from flask_handoff.errors import (
    DependencyUnavailableError,
    HandoffError,
    LogoutFailedError,
    RequestMalformedError,
    SessionEndedError,
)
from flask_handoff.redaction import as_log_field
from flask_handoff.signals import logout_accepted, logout_rejected
from flask_handoff.tokens.verification import fit_for_a_log
from flask_handoff.web import request_id
from flask_handoff.web.events import report_rejected, send
from flask_handoff.web.parameters import ParameterReader, unverified_parameters
from flask_handoff.web.responses import json_response

from .attempts import CLOCK_LEEWAY
from .attempts import LIFETIME as ATTEMPT_LIFETIME
from .context import Logouts, ReceiverContext, receiver_context

CLOCK_STEP = timedelta(hours=1)  # by which a clock that is put right may have been ahead

_log = logging.getLogger("flask_handoff")


def backchannel_logout() -> Response:
    """Answer a request with a logout token: 200 when the sessions are dead, else 400.

    The standard knows no other status, also where a store is out of reach. No cookie is read or
    set, and nothing that came is repeated.

    Source: OpenID Connect Back-Channel Logout 1.0, sections 2.5, 2.6 and 2.8.
    """
    try:
        logout = _end_sessions(_read_token())
    except HandoffError as error:
        report_rejected("logout", logout_rejected, error)
        reason = f"Refused. The log of this service says why: {request_id()}"
        return json_response({"error": "invalid_request", "error_description": reason}, 400)
    claim, name = logout.named_by
    _log.info(
        "logout accepted: %s=%s iss=%s ended_at=%s request_id=%s",
        claim,
        fit_for_a_log(name) or "-",
        logout.issuer,
        logout.ended_at.isoformat(),
        request_id(),
    )
    send(logout_accepted, logout=logout)
    return current_app.response_class(status=200, mimetype="text/plain")


def _read_token() -> UnverifiedToken:
    try:
        unverified = unverified_parameters()
    except (BadRequest, UnsupportedMediaType) as error:
        raise RequestMalformedError("expected a form, and no query") from error
    unverified_token = ParameterReader(unverified, RequestMalformedError).text("logout_token")
    if unverified_token is None:
        raise RequestMalformedError("logout_token: missing")
    return UnverifiedToken(unverified_token)


def _end_sessions(unverified_token: UnverifiedToken) -> Logout:
    receiver = receiver_context()
    logouts = cast(Logouts, receiver.logouts)  # without them the endpoint is not there
    logout = logouts.verifier.verify(unverified_token)
    # Whatever the issuer's dates say, a token is accepted only while its browser's attempt lives.
    profile = receiver.verifier.profile
    redeemable = max(profile.accepted_for + profile.leeway, ATTEMPT_LIFETIME + CLOCK_LEEWAY)
    now = logouts.verifier.clock()
    until = now + redeemable + CLOCK_STEP
    logouts.store.note_logout(logout, expires_at=int(until.timestamp()), now=int(now.timestamp()))
    try:
        logouts.end_sessions(logout)
    except HandoffError:
        raise
    except Exception as error:
        _log.exception("the hook end_sessions failed: request_id=%s", request_id())
        raise LogoutFailedError(f"the hook failed ({type(error).__name__})") from error
    return logout


def check_arrival(receiver: ReceiverContext, claims: HandoffClaims) -> None:
    """Look once more whether the session that this handoff came from is still alive.

    A logout at the very same moment may have found no session to end yet.

    Raises:
        SessionEndedError: It is not; what the arrival has opened is ended again.
        ReplayStoreUnavailableError: It is not known.
    """
    logouts = receiver.logouts
    if logouts is None:
        return
    try:
        logouts.store.check_session(claims)
    except SessionEndedError as error:
        error.check, error.kid = "session", as_log_field(claims.kid)
        error.jwt_id, error.issuer = fit_for_a_log(claims.jwt_id), claims.issuer
        _undo_arrival(logouts, claims, error.ended_at)
        raise
    except DependencyUnavailableError:
        _undo_arrival(logouts, claims, claims.issued_at)
        raise


def _undo_arrival(logouts: Logouts, claims: HandoffClaims, ended_at: datetime) -> None:
    logouts.end_sessions(Logout(claims.issuer, claims.subject, claims.session_id, ended_at))
