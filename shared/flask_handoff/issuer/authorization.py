"""The request for a handoff: SERVER1 checks it, and carries it through a sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from itsdangerous import BadData, URLSafeSerializer

from flask_handoff.claims import SignedInUser
from flask_handoff.errors import (
    AuthorizationExpiredError,
    AuthorizationRequestError,
    AuthorizationReturnedError,
    RedirectURIMismatchError,
    ResponseModeError,
    StateError,
)
from flask_handoff.profiles import LONGEST_SCOPE, NONCE, SCOPE, STATE
from flask_handoff.web.parameters import ParameterReader, UnverifiedParameters

from .clients import Client, ClientRegistry

LONGEST_STATE = 1024  # characters
LIFETIME = timedelta(minutes=10)  # to sign in, from the request's arrival

_LONGEST_CARRIED = 8192  # characters of the signed value

_PARAMETERS = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
    *("prompt", "max_age", "login_hint"),
)
_UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


class ReturnAddress(NamedTuple):
    """Where the answer goes. As long as this is not known, an error is a page, never a redirect."""

    client: Client
    redirect_uri: str
    response_mode: str
    state: str | None

    @classmethod
    def read(cls, unverified: UnverifiedParameters, clients: ClientRegistry) -> ReturnAddress:
        """Read the address from a request; redirect URIs are compared character by character.

        A client of policy ``handoff`` finds its attempt by the state. Without one, or with one that
        it cannot read, its answer could only bring a token to a browser that did not ask for it.

        Raises:
            ClientUnknownError: The client is not registered.
            RedirectURIMismatchError: The address is not registered for it.
            ResponseModeError: The mode is missing, unknown or not registered for it.
            StateError: ``state`` is over 1,024 characters, or not of the form of the policy.
            AuthorizationRequestError: One of them is sent twice.

        Sources: RFC 6749, sections 3.1.2 and 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6.
        """
        read = ParameterReader(unverified, AuthorizationRequestError)
        client = clients.client(read.text("client_id") or "")
        redirect_uri = read.text("redirect_uri") or ""
        if redirect_uri not in client.redirect_uris:
            raise RedirectURIMismatchError(f"not registered for client {client.client_id!r}")
        # A request that names no mode means ``fragment``, which no client here may use.
        response_mode = read.text("response_mode") or "fragment"
        if response_mode not in client.response_modes:
            raise ResponseModeError(f"not registered for client {client.client_id!r}")
        state = read.text("state")
        if client.policy == "handoff" and STATE.fullmatch(state or "") is None:
            raise StateError("state: expected 22 to 64 letters, digits, - and _")
        if state is not None and len(state) > LONGEST_STATE:
            raise StateError(f"state: over {LONGEST_STATE} characters")
        return cls(client, redirect_uri, response_mode, state)


class AuthorizationRequest(NamedTuple):
    """One checked request for a handoff."""

    address: ReturnAddress
    scope: frozenset[str]  # what is asked for, ``openid`` included
    nonce: str  # goes into the token as it came
    prompt: str | None  # ``none`` or ``login``
    max_age: timedelta | None  # of the user's authentication at ``arrived_at``; None for any age
    login_hint: str | None  # what the sign-in page may be filled with
    arrived_at: datetime  # the sign-in has ten minutes from then
    parameters: Mapping[str, str]  # what the request was read from

    @classmethod
    def read(
        cls, unverified: UnverifiedParameters, address: ReturnAddress, now: datetime
    ) -> AuthorizationRequest:
        """Read the rest of a request whose return address is good.

        Raises:
            AuthorizationReturnedError: With the ``error`` that the client is told.

        Sources: OpenID Connect Core 1.0, sections 3.1.2.1 and 3.2.2.1.
        """
        for parameter, error in _UNSUPPORTED.items():
            if parameter in unverified:
                raise AuthorizationReturnedError(f"{parameter}: not supported", error=error)
        read = ParameterReader(unverified, _invalid)
        response_type = read.text("response_type")
        if response_type is None:
            raise _invalid("response_type: missing")
        if response_type != "id_token":
            raise AuthorizationReturnedError(
                "response_type: expected id_token", error="unsupported_response_type"
            )
        nonce = read.text("nonce")
        if nonce is None or NONCE.fullmatch(nonce) is None:
            raise _invalid("nonce: expected 1 to 255 printable characters")
        return cls(
            address=address,
            scope=_check_scope(read.text("scope")),
            nonce=nonce,
            prompt=read.prompt(),
            max_age=read.max_age(),
            login_hint=read.login_hint(),
            arrived_at=now,
            parameters={name: value for name in _PARAMETERS if (value := read.text(name))},
        )

    def needs_sign_in(self, user: SignedInUser) -> bool:
        """Tell whether the user must prove who they are before this request is answered.

        Source: OpenID Connect Core 1.0, section 3.1.2.3.
        """
        if self.prompt == "login":
            return user.auth_time < self.arrived_at
        return self.max_age is not None and user.auth_time < self.arrived_at - self.max_age


class RequestCarrier:
    """Carries a checked request through the sign-in as a signed value, never as a free URL.

    Args:
        secret_keys: The application's secret key, older ones before it; each text or bytes.
        clients: A request of a client that is no longer registered is dropped.
    """

    def __init__(self, secret_keys: list[Any], clients: ClientRegistry) -> None:
        self._serializer = URLSafeSerializer(
            secret_keys, salt="flask_handoff.authorization_request"
        )
        self._clients = clients

    def pack(self, request: AuthorizationRequest) -> str:
        """Sign the request, for a hidden field or a URL."""
        return str(self._serializer.dumps([request.arrived_at.timestamp(), request.parameters]))

    def unpack(self, unverified_carried: str, now: datetime) -> AuthorizationRequest:
        """Return the request that was packed here, read again as if it came now.

        Raises:
            AuthorizationExpiredError: Not signed by this application, or packed over ten minutes
                ago.
            AuthorizationRequestError: The registration that the request relied on is gone.
        """
        if len(unverified_carried) > _LONGEST_CARRIED:
            raise AuthorizationExpiredError("the carried request is too long")
        try:
            seconds, parameters = self._serializer.loads(unverified_carried)
            arrived_at = datetime.fromtimestamp(seconds, UTC)
            carried = {name: [value] for name, value in parameters.items()}
        except BadData as error:
            raise AuthorizationExpiredError("the carried request was not signed here") from error
        except (AttributeError, TypeError, ValueError) as error:
            # Signed by another version of this library, before or after an update.
            raise AuthorizationExpiredError("the carried request has another form") from error
        if now - arrived_at >= LIFETIME:
            raise AuthorizationExpiredError("the sign-in took longer than ten minutes")
        address = ReturnAddress.read(carried, self._clients)
        return AuthorizationRequest.read(carried, address, arrived_at)


def _check_scope(unverified_scope: str | None) -> frozenset[str]:
    if (
        unverified_scope is None
        or len(unverified_scope) > LONGEST_SCOPE
        or SCOPE.fullmatch(unverified_scope) is None
        or "openid" not in unverified_scope.split(" ")
    ):
        raise AuthorizationReturnedError(
            "scope: expected a list of scopes with openid", error="invalid_scope"
        )
    return frozenset(unverified_scope.split(" "))


def _invalid(message: str) -> AuthorizationReturnedError:
    return AuthorizationReturnedError(message, error="invalid_request")
