"""SERVER1's side: who is signed in here may be handed on, with a token for one client, once."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import urlencode

from flask import Blueprint, Flask, current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from .answers import error_page, post_page, private, refuse_head
from .authorization import (
    AuthorizationRequest,
    RequestCarrier,
    ReturnAddress,
)
from .claims import Clock, SignedInUser, system_clock
from .clients import Client
from .config import IssuerConfig
from .errors import (
    AuthorizationExpiredError,
    AuthorizationRequestError,
    AuthorizationReturnedError,
    ConfigurationError,
)
from .front_door import answer_only_to, request_id, unverified_parameters
from .keys import JWKS_MAX_AGE, KeyRing, WatchedKeyRing
from .logout import deliver_logout
from .profiles import PROFILES
from .signals import handoff_issued, handoff_refused
from .tokens import TokenMinter

_EXTENSION = "handoff_issuer"
_log = logging.getLogger("flask_handoff")

SignedInUserHook = Callable[[], SignedInUser | None]
GrantedScopeHook = Callable[[SignedInUser, Client, frozenset[str]], frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Issuer:
    """What belongs to one application."""

    config: IssuerConfig
    key_ring: WatchedKeyRing
    minter: TokenMinter
    carrier: RequestCarrier
    clock: Clock


class HandoffIssuer:
    """The Flask extension of the server that knows passwords.

    Args:
        signed_in_user: Asked who is signed in on the current request; None for nobody.
        granted_scope: Asked what this user may do at that client, of what is requested. Raises
            ``AccessDeniedError`` when they may not enter it at all.
        login_endpoint: The Flask endpoint of the sign-in page.

    Sources: OpenID Connect Core 1.0, section 3.2.2; OpenID Connect Discovery 1.0, section 3.
    """

    def __init__(
        self,
        *,
        signed_in_user: SignedInUserHook,
        granted_scope: GrantedScopeHook,
        login_endpoint: str,
    ) -> None:
        self._signed_in_user = signed_in_user
        self._granted_scope = granted_scope
        self._login_endpoint = login_endpoint

    def init_app(
        self, app: Flask, *, key_ring: KeyRing | None = None, clock: Clock = system_clock
    ) -> None:
        """Check the settings, load the keys, and add the endpoints to *app*.

        Args:
            app: The application.
            key_ring: The ring of the settings, where it was opened already in this process: its
                keys are not loaded again, see ``KeyRing.open``.
            clock: Tells the time.

        Raises:
            ConfigurationError: A setting or a key is missing or wrong.
        """
        config = IssuerConfig.from_app(app)
        watched_ring = WatchedKeyRing(config.keys_directory, before=key_ring)
        app.extensions[_EXTENSION] = _Issuer(
            config=config,
            key_ring=watched_ring,
            minter=TokenMinter(issuer=config.issuer, key_ring=watched_ring, clock=clock),
            carrier=RequestCarrier(_secret_keys(app), config.clients),
            clock=clock,
        )
        answer_only_to(app, config.issuer, config.internal_hosts)
        app.register_blueprint(self._blueprint())

    def clients(self) -> tuple[Client, ...]:
        """Return the clients that are registered with the current application."""
        return tuple(_issuer().config.clients)

    def continue_url(self, client: Client, target: str | None = None) -> str:
        """Return the address of a link that takes the user to *client*.

        It begins at the client, because only the client can bind the handoff to this browser.

        Args:
            client: A registered client.
            target: A path at the client; None for the client's own choice.

        Source: OpenID Connect Core 1.0, section 4.
        """
        parameters = {"iss": _issuer().config.issuer}
        if target is not None:
            parameters["target_link_uri"] = target
        return _with_parameters(client.initiate_login_uri, parameters)

    def send_logout(
        self,
        client: Client,
        *,
        ended_at: datetime,
        session_id: str | None = None,
        subject: str | None = None,
    ) -> None:
        """Tell one client, once, which of its users' sessions have ended, see ``deliver_logout``.

        Call it where nobody waits for an answer: it takes up to five seconds, or longer where the
        host's name cannot be found. Where it fails, call it again later.

        Raises:
            LogoutNotDeliveredError: The client does not say that it is done.
            ValueError: Neither a session nor an account is named.
        """
        deliver_logout(
            _issuer().minter, client, ended_at=ended_at, session_id=session_id, subject=subject
        )

    def pending_client(self) -> Client | None:
        """Return the client that the user is about to enter, on the sign-in page; else None."""
        pending = self._pending()
        return None if pending is None else _issuer().carrier.client_of(pending)

    def login_hint(self) -> str | None:
        """Return what the client suggests to fill the sign-in page with, not verified."""
        pending = self._pending()
        return None if pending is None else pending.login_hint

    def after_sign_in(self, default: str) -> str:
        """Return where to redirect to, with status 303, when the user has signed in.

        Args:
            default: Where to go when no handoff is waiting.
        """
        carried = _only(request.values.getlist("continue"))
        return _resume_url(carried) if carried else default

    def _pending(self) -> AuthorizationRequest | None:
        issuer = _issuer()
        try:
            carried = _only(request.values.getlist("continue"))
            return issuer.carrier.unpack(carried, issuer.clock())
        except AuthorizationRequestError:
            return None

    def _blueprint(self) -> Blueprint:
        blueprint = Blueprint("handoff_issuer", __name__, template_folder="templates")
        blueprint.before_request(refuse_head("handoff_issuer.authorize"))
        blueprint.add_url_rule("/.well-known/openid-configuration", view_func=metadata)
        blueprint.add_url_rule("/.well-known/jwks.json", view_func=jwks)
        blueprint.add_url_rule(
            "/authorize", "authorize", private(self._authorize), methods=["GET", "POST"]
        )
        blueprint.register_error_handler(AuthorizationRequestError, _refused)
        return blueprint

    def _authorize(self) -> Response:
        issuer = _issuer()
        unverified = unverified_parameters()
        if "continue" in unverified:
            carried = _only(unverified["continue"])
            return self._answer(issuer, issuer.carrier.unpack(carried, issuer.clock()))
        address = ReturnAddress.read(unverified, issuer.config.clients)
        try:
            pending = AuthorizationRequest.read(unverified, address, issuer.clock())
        except AuthorizationReturnedError as error:
            return _return_error(issuer, address, error)
        if request.method == "POST":
            # A Lax session cookie stays away from a cross-site POST, but comes with this redirect.
            return redirect(_resume_url(issuer.carrier.pack(pending)), 303)
        return self._answer(issuer, pending)

    def _answer(self, issuer: _Issuer, pending: AuthorizationRequest) -> Response:
        user = self._signed_in_user()
        try:
            if user is None or pending.needs_sign_in(user):
                return self._send_to_sign_in(issuer, pending)
            return self._hand_on(issuer, pending, user)
        except AuthorizationReturnedError as error:
            return _return_error(issuer, pending.address, error)

    def _send_to_sign_in(self, issuer: _Issuer, pending: AuthorizationRequest) -> Response:
        if pending.prompt == "none":
            raise AuthorizationReturnedError("nobody is signed in", error="login_required")
        carried = issuer.carrier.pack(pending)
        return redirect(_with_parameters(url_for(self._login_endpoint), {"continue": carried}), 303)

    def _hand_on(
        self, issuer: _Issuer, pending: AuthorizationRequest, user: SignedInUser
    ) -> Response:
        client = issuer.carrier.client_of(pending)
        granted = self._granted_scope(user, client, pending.scope)
        scope = (granted & pending.scope) | {"openid"}
        token = issuer.minter.mint(
            PROFILES[client.policy],
            audience=client.client_id,
            subject=user.subject,
            nonce=pending.nonce,
            session_id=user.session_id,
            auth_time=user.auth_time,
            scope=scope,
            about=_about(user, scope),
        )
        handoff_issued.send(
            current_app._get_current_object(),  # type: ignore[attr-defined]
            user=user,
            client=client,
            scope=scope,
            request_id=request_id(),
        )
        return _deliver(issuer, pending.address, {"id_token": token})


def metadata() -> Response:
    """Answer with the issuer's metadata.

    ``query`` is missing from the response modes on purpose: the standard forbids it for an ID
    Token, so it is open only to clients that were registered with it.

    Log-outs are told to clients that were registered with an address for them.

    Sources: OpenID Connect Discovery 1.0, sections 3 and 4.2; OpenID Connect Back-Channel Logout
    1.0, section 2.1.
    """
    config = _issuer().config
    issuer = config.issuer
    tells_of_log_outs = any(client.backchannel_logout_uri for client in config.clients)
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "response_modes_supported": ["form_post"],
        "grant_types_supported": ["implicit"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email"],
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "nonce", "jti", "sid", "auth_time"),
            *("scope", "name", "email", "email_verified"),
        ],
        "prompt_values_supported": ["none", "login"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": tells_of_log_outs,
        "backchannel_logout_session_supported": tells_of_log_outs,
    }
    return _public_json(json.dumps(document).encode())


def jwks() -> Response:
    """Answer with the public keys.

    Source: RFC 7517, section 5.
    """
    return _public_json(_issuer().key_ring.jwks_json)


def _public_json(document: bytes) -> Response:
    response = current_app.response_class(document, mimetype="application/json")
    response.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE.total_seconds():.0f}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _about(user: SignedInUser, scope: frozenset[str]) -> Mapping[str, str | bool]:
    about: dict[str, str | bool] = {}
    if "profile" in scope and user.name:
        about["name"] = user.name
    if "email" in scope and user.email:
        about["email"] = user.email
        about["email_verified"] = user.email_verified
    return about


def _return_error(
    issuer: _Issuer, address: ReturnAddress, error: AuthorizationReturnedError
) -> Response:
    _report(error, issuer.config.clients.client(address.client_id))
    return _deliver(issuer, address, {"error": error.error})


def _deliver(issuer: _Issuer, address: ReturnAddress, answer: Mapping[str, str]) -> Response:
    fields = dict(answer, iss=issuer.config.issuer)
    if address.state is not None:
        fields["state"] = address.state
    if address.response_mode == "form_post":
        return post_page(address.redirect_uri, fields)
    # 303 and never 307, which would post the password on (RFC 9700, section 4.12).
    return redirect(_with_parameters(address.redirect_uri, fields), 303)


def _refused(error: AuthorizationRequestError) -> Response:
    _report(error)
    too_late = isinstance(error, AuthorizationExpiredError)
    return error_page(
        "handoff/request_refused.html",
        400,
        title="Too late" if too_late else "This request cannot be answered",
        sentence=(
            "The sign-in took too long. Go back to the service you came from and start again."
            if too_late
            else "The service that sent you here made a request that is not registered, "
            "or not valid. Nothing was sent to it."
        ),
        again_url=None,
        again_label=None,
    )


def _report(error: AuthorizationRequestError, client: Client | None = None) -> None:
    _log.warning(
        "handoff refused: code=%s reason=%s request_id=%s", error.code, error, request_id()
    )
    handoff_refused.send(
        current_app._get_current_object(),  # type: ignore[attr-defined]
        error=error,
        client=client,
        request_id=request_id(),
    )


def _resume_url(carried: str) -> str:
    return _with_parameters(url_for("handoff_issuer.authorize"), {"continue": carried})


def _only(values: Sequence[str]) -> str:
    # Of two values neither is taken: what one reader sees, another might not.
    return values[0] if len(values) == 1 else ""


def _with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def _secret_keys(app: Flask) -> list[bytes]:
    if not app.secret_key:
        raise ConfigurationError(
            "SECRET_KEY is not set.", "Make a random one and keep it: secrets.token_urlsafe(32)."
        )
    keys = [*(app.config.get("SECRET_KEY_FALLBACKS") or ()), app.secret_key]
    return [key.encode() if isinstance(key, str) else key for key in keys]


def _issuer() -> _Issuer:
    return cast(_Issuer, current_app.extensions[_EXTENSION])
