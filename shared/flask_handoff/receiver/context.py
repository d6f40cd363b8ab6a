"""What one application's receiver consists of, and where a request finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from flask import Flask

from flask_handoff.claims import Arrival, LiveSession, Logout
from flask_handoff.errors import ConfigurationError
from flask_handoff.profiles import LOGOUT_PROFILES
from flask_handoff.stores import LogoutStore
from flask_handoff.tokens import LogoutTokenVerifier, TokenVerifier
from flask_handoff.web.current import this_app
from flask_handoff.web.hooks import plain_hook

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

    @classmethod
    def of(
        cls,
        app: Flask,
        config: ReceiverConfig,
        expected: Mapping[str, Any],
        end_sessions: EndSessionsHook | None,
    ) -> Logouts | None:
        """Return what *app* needs; None where it has no hook.

        Args:
            expected: What its verifier of handoffs is made of as well, the replay store included.

        Raises:
            ConfigurationError: That store cannot remember logouts.
        """
        if end_sessions is None:
            return None
        store = expected["replay_store"]
        if not isinstance(store, LogoutStore):
            raise ConfigurationError(
                f"{type(store).__name__} cannot remember which sessions have ended.",
                "Use SQLReplayStore, or leave out end_sessions.",
            )
        profile = LOGOUT_PROFILES[config.policy]
        profile = replace(profile, leeway=max(profile.leeway, config.profile.leeway))
        verifier = LogoutTokenVerifier(**expected, profile=profile)
        return cls(verifier, store, plain_hook(app, "end_sessions", end_sessions))


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
