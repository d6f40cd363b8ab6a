"""The Flask extension of SERVER1: issues a token for one client to the user who is signed in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Flask, request, url_for
from werkzeug.wrappers import Response

from flask_handoff.addresses import with_parameters
from flask_handoff.claims import Clock, SignedInUser, system_clock
from flask_handoff.errors import (
    AuthorizationExpiredError,
    AuthorizationRequestError,
    AuthorizationReturnedError,
    ConfigurationError,
    SigningUnavailableError,
)
from flask_handoff.keys import IssuerKeys, WatchedKeyRing
from flask_handoff.profiles import PROFILES
from flask_handoff.signals import handoff_issued
from flask_handoff.tokens import TokenMinter
from flask_handoff.web.events import send
from flask_handoff.web.parameters import (
    ParameterReader,
    UnverifiedParameters,
    unverified_parameters,
)
from flask_handoff.web.request_guards import answer_only_to
from flask_handoff.web.responses import TEMPLATES, make_private, refuse_head, see_other

from .authorization import AuthorizationRequest, RequestCarrier, ReturnAddress
from .authorization_response import deliver, refused, return_error, unavailable
from .clients import Client
from .config import IssuerConfig
from .context import EXTENSION, IssuerContext, issuer_context
from .discovery import jwks, metadata
from .logout import deliver_logout

SignedInUserHook = Callable[[], SignedInUser | None]
GrantedScopeHook = Callable[[SignedInUser, Client, frozenset[str]], frozenset[str]]


class HandoffIssuer:
    """The Flask extension of the server that knows passwords.

    Args:
        signed_in_user: Asked who is signed in on the current request; None for nobody.
        granted_scope: Asked what this user may do at that client, of what is requested. Raises
            ``AccessDeniedError`` when they may not enter it at all.
        login_endpoint: The Flask endpoint of the sign-in page.
        transaction: Makes the context in which both are asked; as a rule none. What they read and
            write is one transaction then, which has ended before a token is made.

    Sources: OpenID Connect Core 1.0, section 3.2.2; OpenID Connect Discovery 1.0, section 3.
    """

    def __init__(
        self,
        *,
        signed_in_user: SignedInUserHook,
        granted_scope: GrantedScopeHook,
        login_endpoint: str,
        transaction: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._signed_in_user = signed_in_user
        self._granted_scope = granted_scope
        self._login_endpoint = login_endpoint
        self._transaction = transaction

    def init_app(
        self,
        app: Flask,
        *,
        keys: IssuerKeys | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Check the settings, load the keys, and add the endpoints to *app*.

        Args:
            keys: In place of the setting ``HANDOFF_KEYS_DIRECTORY``, such as ``ExternalKeys``.

        Raises:
            ConfigurationError: A setting or a key is missing or wrong.
        """
        config = IssuerConfig(app, keys_elsewhere=keys is not None)
        if keys is None:
            keys = WatchedKeyRing(cast(Path, config.keys_directory))  # it has to be given then
        app.extensions[EXTENSION] = IssuerContext(
            config=config,
            keys=keys,
            minter=TokenMinter(issuer=config.issuer, key_ring=keys, clock=clock),
            carrier=RequestCarrier(_secret_keys(app), config.clients),
            clock=clock,
        )
        answer_only_to(app, config.issuer, config.internal_hosts)
        app.register_blueprint(self._blueprint())

    def clients(self) -> tuple[Client, ...]:
        """Return the clients that are registered with the current application."""
        return tuple(issuer_context().config.clients)

    def continue_url(self, client: Client, target: str | None = None) -> str:
        """Return the address of a link that takes the user to *client*.

        It begins at the client, because only the client can bind the handoff to this browser.

        Args:
            target: A path at the client; None for the client's own choice.

        Source: OpenID Connect Core 1.0, section 4.
        """
        return with_parameters(
            client.initiate_login_uri,
            {"iss": issuer_context().config.issuer, "target_link_uri": target},
        )

    def send_logout(
        self,
        client: Client,
        *,
        ended_at: datetime,
        session_id: str | None = None,
        subject: str | None = None,
    ) -> None:
        """Tell one client, once, which of its users' sessions have ended.

        Call it where nobody waits for an answer: it takes up to five seconds, or longer where the
        host's name cannot be found. Where it fails, call it again later.

        Args:
            client: One with a ``backchannel_logout_uri``.
            ended_at, session_id, subject: See ``TokenMinter.mint_logout``.

        Raises:
            LogoutNotDeliveredError: The token cannot be signed, or the client cannot be reached, or
                does not answer within the bounds that it is done. The text says why, and holds
                nothing of what came.
            ValueError: Neither a session nor an account is named.

        Source: OpenID Connect Back-Channel Logout 1.0, sections 2.5 and 2.8.
        """
        deliver_logout(
            issuer_context().minter,
            client,
            ended_at=ended_at,
            session_id=session_id,
            subject=subject,
        )

    def pending_client(self) -> Client | None:
        """Return the client that the user is about to enter, on the sign-in page; else None."""
        pending = self._pending()
        return None if pending is None else pending.address.client

    def login_hint(self) -> str | None:
        """Return what the client suggests to fill the sign-in page with, not verified."""
        pending = self._pending()
        return None if pending is None else pending.login_hint

    def after_sign_in(self, default: str) -> str:
        """Return where to redirect to, with status 303, when the user has signed in.

        That is *default* when no handoff is waiting.
        """
        try:
            carried = _carried(request.values.to_dict(flat=False))
        except AuthorizationExpiredError:
            return default
        return _resume_url(carried) if carried else default

    def _pending(self) -> AuthorizationRequest | None:
        try:
            return _unpack(request.values.to_dict(flat=False))
        except AuthorizationRequestError:
            return None

    def _blueprint(self) -> Blueprint:
        blueprint = Blueprint("handoff_issuer", __name__, template_folder=TEMPLATES)
        blueprint.before_request(refuse_head("handoff_issuer.authorize"))
        blueprint.after_request(make_private)
        blueprint.add_url_rule("/.well-known/openid-configuration", view_func=metadata)
        blueprint.add_url_rule("/.well-known/jwks.json", view_func=jwks)
        blueprint.add_url_rule("/authorize", "authorize", self._authorize, methods=["GET", "POST"])
        blueprint.register_error_handler(AuthorizationRequestError, refused)
        blueprint.register_error_handler(SigningUnavailableError, unavailable)
        return blueprint

    def _authorize(self) -> Response:
        issuer, unverified = issuer_context(), unverified_parameters()
        if "continue" in unverified:
            return self._answer(_unpack(unverified))
        address = ReturnAddress.read(unverified, issuer.config.clients)
        try:
            pending = AuthorizationRequest.read(unverified, address, issuer.clock())
        except AuthorizationReturnedError as error:
            return return_error(address, error)
        if request.method == "POST":
            # A Lax session cookie stays away from a cross-site POST, but comes with this redirect.
            return see_other(_resume_url(issuer.carrier.pack(pending)))
        return self._answer(pending)

    def _answer(self, pending: AuthorizationRequest) -> Response:
        try:
            with self._transaction():
                user = self._signed_in_user()
                scope = None if user is None else self._scope(pending, user)
            if user is not None and scope is not None:
                return deliver(pending.address, {"id_token": _mint(pending, user, scope)})
            if pending.prompt == "none":
                raise AuthorizationReturnedError("nobody is signed in", error="login_required")
        except AuthorizationReturnedError as error:
            return return_error(pending.address, error)
        carried = issuer_context().carrier.pack(pending)
        return see_other(with_parameters(url_for(self._login_endpoint), {"continue": carried}))

    def _scope(self, pending: AuthorizationRequest, user: SignedInUser) -> frozenset[str] | None:
        """Return what the user may do at the client; None when they must sign in first."""
        if pending.needs_sign_in(user):
            return None
        granted = self._granted_scope(user, pending.address.client, pending.scope)
        return (granted & pending.scope) | {"openid"}


def _mint(pending: AuthorizationRequest, user: SignedInUser, scope: frozenset[str]) -> str:
    client = pending.address.client
    token = issuer_context().minter.mint(
        PROFILES[client.policy], user, audience=client.client_id, nonce=pending.nonce, scope=scope
    )
    send(handoff_issued, user=user, client=client, scope=scope)
    return token


def _resume_url(carried: str) -> str:
    return with_parameters(url_for("handoff_issuer.authorize"), {"continue": carried})


def _carried(unverified: UnverifiedParameters) -> str | None:
    return ParameterReader(unverified, AuthorizationExpiredError).text("continue")


def _unpack(unverified: UnverifiedParameters) -> AuthorizationRequest:
    issuer = issuer_context()
    return issuer.carrier.unpack(_carried(unverified) or "", issuer.clock())


def _secret_keys(app: Flask) -> list[Any]:
    if not app.secret_key:
        raise ConfigurationError(
            "SECRET_KEY is not set.", "Make a random one and keep it: secrets.token_urlsafe(32)."
        )
    return [*(app.config.get("SECRET_KEY_FALLBACKS") or ()), app.secret_key]
