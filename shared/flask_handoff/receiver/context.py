"""What one application's receiver consists of, and where a request finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from flask_handoff.claims import Arrival, Clock, LiveSession
from flask_handoff.keys import KeySource
from flask_handoff.stores import ReplayStore
from flask_handoff.tokens import TokenVerifier

from .attempts import AttemptCookies
from .backchannel import Logouts
from .config import ReceiverConfig
from .leaked_tokens import LeakedTokens

_EXTENSION = "handoff_receiver"

SignInHook = Callable[[Arrival], str]
LiveSessionHook = Callable[[], LiveSession | None]


@dataclass(frozen=True, slots=True)
class ReceiverContext:
    """What belongs to one application."""

    config: ReceiverConfig
    keys: KeySource
    replay_store: ReplayStore
    verifier: TokenVerifier
    leaked_tokens: LeakedTokens
    attempts: AttemptCookies
    logouts: Logouts | None
    sign_in: SignInHook
    live_session: LiveSessionHook
    clock: Clock


def keep_context(app: Flask, context: ReceiverContext) -> None:
    """Keep it for the requests of *app*."""
    app.extensions[_EXTENSION] = context


def context_of(app: Flask) -> ReceiverContext | None:
    """Return that of *app*; None where it receives no handoffs."""
    return cast(ReceiverContext | None, app.extensions.get(_EXTENSION))


def receiver_context() -> ReceiverContext:
    """Return that of the current application."""
    return cast(ReceiverContext, current_app.extensions[_EXTENSION])
