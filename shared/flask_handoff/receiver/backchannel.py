"""Back-channel logout at SERVER2: one logout token, server to server, ends sessions.

A handoff that was minted before a logout may arrive after it, or at the same moment. A sign-in
writes its session first and then looks for a logout; a logout is noted first, and then looks for
sessions. So at least one of the two sees the other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, current_app, jsonify
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Response

from flask_handoff.claims import Clock, HandoffClaims, Logout, UnverifiedToken
from flask_handoff.errors import (
    ConfigurationError,
    DependencyUnavailableError,
    HandoffError,
    LogoutFailedError,
    Refusal,
    RequestMalformedError,
    SessionEndedError,
)
from flask_handoff.keys import KeySource
from flask_handoff.profiles import LOGOUT_PROFILES, PROFILES, TokenProfile
from flask_handoff.signals import logout_accepted, logout_rejected
from flask_handoff.stores import LogoutStore, ReplayStore
from flask_handoff.tokens import LogoutTokenVerifier
from flask_handoff.tokens.verification import REPLAY_MARGIN, fit_for_a_log
from flask_handoff.web import request_id
from flask_handoff.web.parameters import UnverifiedParameters, single, unverified_parameters
from flask_handoff.web.rejection_log import report_rejected
from flask_handoff.web.responses import private

from .attempts import CLOCK_LEEWAY
from .attempts import LIFETIME as ATTEMPT_LIFETIME
from .config import ReceiverConfig

EndSessionsHook = Callable[[Logout], None]

_log = logging.getLogger("flask_handoff")


@dataclass(frozen=True, slots=True)
class Logouts:
    """What one receiver does about logouts at its issuer.

    Args:
        verifier: Judges logout tokens.
        store: Remembers logouts for as long as handoffs from before can still be redeemed.
        end_sessions: The application's hook.
        handoff_profile: The kind of handoffs that this receiver accepts.
        clock: Tells the time.
    """

    verifier: LogoutTokenVerifier
    store: LogoutStore
    end_sessions: EndSessionsHook
    handoff_profile: TokenProfile
    clock: Clock

    @classmethod
    def listen(
        cls,
        end_sessions: EndSessionsHook,
        *,
        config: ReceiverConfig,
        keys: KeySource,
        store: ReplayStore,
        clock: Clock,
    ) -> Logouts:
        """Build it for one receiver.

        Raises:
            ConfigurationError: The store cannot remember logouts.
        """
        if not isinstance(store, LogoutStore):
            raise ConfigurationError(
                f"{type(store).__name__} cannot remember which sessions have ended.",
                "Use SQLReplayStore, or leave out end_sessions.",
            )
        verifier = LogoutTokenVerifier(
            issuer=config.issuer,
            audience=config.client_id,
            keys=keys,
            replay_store=store,
            profile=LOGOUT_PROFILES[config.policy],
            clock=clock,
        )
        return cls(verifier, store, end_sessions, PROFILES[config.policy], clock)

    def answer_at(self, blueprint: Blueprint) -> None:
        """Add the endpoint ``/backchannel-logout``."""
        blueprint.add_url_rule(
            "/backchannel-logout", "backchannel_logout", private(self.answer), methods=["POST"]
        )

    def answer(self) -> Response:
        """Answer a request with a logout token: 200 when the sessions are dead, else 400.

        The standard knows no other status, also where a store is out of reach. No cookie is read
        or set, and nothing that came is repeated.

        Source: OpenID Connect Back-Channel Logout 1.0, sections 2.5, 2.6 and 2.8.
        """
        try:
            logout = self._end(_read_token())
        except HandoffError as error:
            report_rejected("logout", logout_rejected, error)
            return _refusal()
        claim, name = logout.named_by
        _log.info(
            "logout accepted: %s=%s iss=%s ended_at=%s request_id=%s",
            claim,
            fit_for_a_log(name) or "-",
            logout.issuer,
            logout.ended_at.isoformat(),
            request_id(),
        )
        logout_accepted.send(
            current_app._get_current_object(),  # type: ignore[attr-defined]
            logout=logout,
            request_id=request_id(),
        )
        return current_app.response_class(status=200, mimetype="text/plain")

    def check_arrival(self, claims: HandoffClaims) -> None:
        """Look once more whether the session goes on that this handoff came from.

        A logout at the very same moment may have found no session to end yet.

        Raises:
            SessionEndedError: It does not; what the arrival has opened is ended again.
            ReplayStoreUnavailableError: It cannot be told.
        """
        try:
            self.store.check_session(claims)
        except SessionEndedError as error:
            error.refusal = Refusal("session", claims.kid, claims.jwt_id, claims.issuer)
            self._take_back(claims, error.ended_at)
            raise
        except DependencyUnavailableError:
            self._take_back(claims, claims.issued_at)
            raise

    @property
    def _remembered_for(self) -> timedelta:
        # Whatever the issuer's dates say, no token outlives the attempt in whose browser it counts.
        profile = self.handoff_profile
        token = profile.maximum_lifetime + profile.leeway
        return max(token, ATTEMPT_LIFETIME + CLOCK_LEEWAY) + REPLAY_MARGIN

    def _take_back(self, claims: HandoffClaims, ended_at: datetime) -> None:
        self.end_sessions(Logout(claims.issuer, claims.subject, claims.session_id, ended_at))

    def _end(self, unverified_token: UnverifiedToken) -> Logout:
        logout = self.verifier.verify(unverified_token)
        now = self.clock()
        until = now + self._remembered_for
        self.store.note_logout(logout, expires_at=int(until.timestamp()), now=int(now.timestamp()))
        try:
            self.end_sessions(logout)
        except HandoffError:
            raise
        except Exception as error:
            _log.exception("the hook end_sessions failed: request_id=%s", request_id())
            raise LogoutFailedError(f"the hook failed ({type(error).__name__})") from error
        return logout


def _read_token() -> UnverifiedToken:
    unverified_token = single(_read_form(), "logout_token", RequestMalformedError)
    if unverified_token is None:
        raise RequestMalformedError("logout_token: missing")
    return UnverifiedToken(unverified_token)


def _read_form() -> UnverifiedParameters:
    try:
        return unverified_parameters()
    except (BadRequest, UnsupportedMediaType) as error:
        raise RequestMalformedError("expected a form, and no query") from error


def _refusal() -> Response:
    response = jsonify(
        error="invalid_request",
        error_description=f"Refused. The log of this service says why: {request_id()}",
    )
    response.status_code = 400
    return response
