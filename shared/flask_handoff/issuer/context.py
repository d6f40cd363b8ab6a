"""What one application's issuer consists of, and where a request finds it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple

from flask import current_app

from flask_handoff.claims import Clock, SignedInUser
from flask_handoff.keys import IssuerKeys
from flask_handoff.tokens import AccessTokenVerifier, TokenMinter

from .clients import Client, ClientSource
from .codes import Codes
from .config import IssuerConfig
from .request_carrier import RequestCarrier

EXTENSION = "handoff_issuer"

SignedInUserHook = Callable[[], SignedInUser | None]
GrantedScopeHook = Callable[[SignedInUser, Client, frozenset[str]], frozenset[str]]
ConsentedAtHook = Callable[[SignedInUser, Client, frozenset[str]], datetime | None]


class Hooks(NamedTuple):
    """What the application is asked while a user is here, see ``HandoffIssuer``."""

    signed_in_user: SignedInUserHook
    granted_scope: GrantedScopeHook
    login_endpoint: str
    transaction: Callable[[], AbstractContextManager[object]]
    consented_at: ConsentedAtHook | None
    consent_endpoint: str | None


class IssuerContext(NamedTuple):
    """What belongs to one application."""

    config: IssuerConfig
    hooks: Hooks
    clients: ClientSource
    keys: IssuerKeys
    minter: TokenMinter
    access_verifier: AccessTokenVerifier  # of those for this issuer itself
    carrier: RequestCarrier
    codes: Codes | None  # None: this issuer issues none
    clock: Clock


def issuer_context() -> IssuerContext:
    """Return that of the current application."""
    context: IssuerContext = current_app.extensions[EXTENSION]
    return context
