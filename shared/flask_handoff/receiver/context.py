"""What one application's receiver consists of, and where a request finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask_handoff.claims import Arrival, LiveSession, Logout
from flask_handoff.stores import LogoutStore
from flask_handoff.tokens import LogoutTokenVerifier, TokenVerifier
from flask_handoff.web.current import this_app

from .attempts import AttemptCookies
from .config import ReceiverConfig
from .landing import LandingCookie
from .leaked_tokens import LeakedTokens

EXTENSION = "handoff_receiver"

SignInHook = Callable[[Arrival], str]
LiveSessionHook = Callable[[], LiveSession | None]
EndSessionsHook = Callable[[Logout], None]
NotConfirmedHook = Callable[[str], str]


class Logouts(NamedTuple):
    """What a receiver needs that is notified of logouts at its issuer."""

    verifier: LogoutTokenVerifier
    store: LogoutStore
    end_sessions: EndSessionsHook


class ReceiverContext(NamedTuple):
    """What belongs to one application."""

    config: ReceiverConfig
    verifier: TokenVerifier
    leaked_tokens: LeakedTokens
    attempts: AttemptCookies
    landings: LandingCookie
    logouts: Logouts | None
    sign_in: SignInHook
    live_session: LiveSessionHook
    not_confirmed: NotConfirmedHook | None


def receiver_context() -> ReceiverContext:
    """Return that of the current application."""
    context: ReceiverContext = this_app().extensions[EXTENSION]
    return context
