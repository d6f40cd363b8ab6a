"""What one application's issuer consists of, and where a request finds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Self

from flask import Flask

from flask_handoff.claims import Clock, SignedInUser
from flask_handoff.keys import IssuerKeys
from flask_handoff.tokens import AccessTokenVerifier, IDTokenHintVerifier, TokenMinter
from flask_handoff.web.current import this_app
from flask_handoff.web.hooks import instant_from, plain_hook, session_user_from, user_from

from .client_credentials import ClientScopeHook
from .clients import Client, ClientSource
from .clients.assertions import ClientAssertions
from .codes import Codes
from .config import IssuerConfig
from .grants import TokenUserHook
from .issued_tokens import IssuedTokens
from .logout_request import LogoutCarrier
from .request_carrier import RequestCarrier
from .valid_after import ValidAfterHook, ValidAfterRule

EXTENSION = "handoff_issuer"

SignedInUserHook = Callable[[], SignedInUser | None]
GrantedScopeHook = Callable[[SignedInUser, Client, frozenset[str]], frozenset[str]]
EndSessionHook = Callable[[Client | None], object]
ConsentedAtHook = Callable[[SignedInUser, Client, frozenset[str]], datetime | None]


class Hooks(NamedTuple):
    """What the application is asked, see ``HandoffIssuer``."""

    signed_in_user: SignedInUserHook
    granted_scope: GrantedScopeHook
    login_endpoint: str
    transaction: Callable[[], AbstractContextManager[object]]
    consented_at: ConsentedAtHook | None
    consent_endpoint: str | None
    client_scope: ClientScopeHook | None  # None: no service acts for itself
    token_user: TokenUserHook | None
    valid_after: ValidAfterHook | None

    def plain(self, app: Flask) -> Self:
        """Return them as plain functions, see ``plain_hook``."""
        return self._replace(
            signed_in_user=plain_hook(
                app, "signed_in_user", self.signed_in_user, session_user_from
            ),
            granted_scope=plain_hook(app, "granted_scope", self.granted_scope),
            consented_at=plain_hook(app, "consented_at", self.consented_at, instant_from),
            client_scope=plain_hook(app, "client_scope", self.client_scope),
            token_user=plain_hook(app, "token_user", self.token_user, user_from),
            valid_after=plain_hook(app, "valid_after", self.valid_after, instant_from),
        )


class Logouts(NamedTuple):
    """What an issuer needs whose clients may ask it to sign their users out."""

    end_session: EndSessionHook
    endpoint: str  # of the application's page that asks whether to, and says that it is done
    carrier: LogoutCarrier


class IssuerContext(NamedTuple):
    """What belongs to one application."""

    config: IssuerConfig
    hooks: Hooks
    clients: ClientSource
    keys: IssuerKeys
    minter: TokenMinter
    access_verifier: AccessTokenVerifier  # of those for this issuer itself
    hints: IDTokenHintVerifier
    carrier: RequestCarrier
    valid_after: ValidAfterRule
    codes: Codes | None  # None: this issuer issues none
    issued: IssuedTokens | None  # None: it revokes none, and is asked about none
    assertions: ClientAssertions | None  # None: no client may authenticate by one
    logouts: Logouts | None  # None: no client may ask for one
    clock: Clock

    @property
    def grant_types(self) -> Sequence[str]:
        """What ``/token`` takes; nothing where there is no such endpoint."""
        return (
            *(["authorization_code"] if self.codes else ()),
            *(["refresh_token"] if self.codes and self.codes.refresh_tokens else ()),
            *(["client_credentials"] if self.hooks.client_scope else ()),
        )


def issuer_context() -> IssuerContext:
    """Return that of the current application."""
    context: IssuerContext = this_app().extensions[EXTENSION]
    return context
