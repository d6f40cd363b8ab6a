"""The request for a handoff: SERVER1 checks it, and carries it through a sign-in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from flask_handoff.claims import SignedInUser
from flask_handoff.errors import (
    AuthorizationExpiredError,
    AuthorizationRequestError,
    AuthorizationReturnedError,
)
from flask_handoff.web.parameters import UnverifiedParameters, single

from .clients import Client, ClientRegistry

LIFETIME = timedelta(minutes=10)  # to sign in, from the request's arrival

_LONGEST_CARRIED = 8192  # characters of the signed value

_LONGEST_SCOPE = 1024  # characters

_NONCE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,8}", re.ASCII)
_UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where the answer goes. As long as this is not known, an error is a page, never a redirect."""

    client_id: str
    redirect_uri: str
    response_mode: str
    state: str | None

    @classmethod
    def read(cls, unverified: UnverifiedParameters, clients: ClientRegistry) -> ReturnAddress:
        """Read the address from a request.

        Raises:
            ClientUnknownError: The client is not registered.
            RedirectURIMismatchError: The address is not registered for it.
            ResponseModeError: The mode is missing, unknown or not registered for it.
            StateError: ``state`` is not one that can go back to this client.
            AuthorizationRequestError: One of them or ``state`` is sent twice.

        Sources: RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6.
        """
        client = clients.client(single(unverified, "client_id", AuthorizationRequestError) or "")
        return cls(
            client_id=client.client_id,
            redirect_uri=client.check_redirect_uri(
                single(unverified, "redirect_uri", AuthorizationRequestError) or ""
            ),
            response_mode=client.check_response_mode(
                single(unverified, "response_mode", AuthorizationRequestError)
            ),
            state=client.check_state(single(unverified, "state", AuthorizationRequestError)),
        )


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One checked request for a handoff.

    Args:
        address: Where the answer goes.
        scope: What is asked for, ``openid`` included.
        nonce: Goes into the token as it came.
        prompt: ``none``, ``login`` or neither.
        max_age: How old the user's authentication may be at ``arrived_at``.
        login_hint: What the sign-in page may be filled with.
        arrived_at: When the request came; the sign-in has ten minutes from then.
    """

    address: ReturnAddress
    scope: frozenset[str]
    nonce: str
    prompt: str | None
    max_age: timedelta | None
    login_hint: str | None
    arrived_at: datetime

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
        response_type = single(unverified, "response_type", _invalid)
        if response_type is None:
            raise _invalid("response_type: missing")
        if response_type != "id_token":
            raise AuthorizationReturnedError(
                "response_type: expected id_token", error="unsupported_response_type"
            )
        nonce = single(unverified, "nonce", _invalid)
        if nonce is None or _NONCE.fullmatch(nonce) is None:
            raise _invalid("nonce: expected 1 to 255 printable characters")
        return cls(
            address=address,
            scope=_read_scope(single(unverified, "scope", _invalid)),
            nonce=nonce,
            prompt=_read_prompt(single(unverified, "prompt", _invalid)),
            max_age=_read_max_age(single(unverified, "max_age", _invalid)),
            login_hint=_read_login_hint(single(unverified, "login_hint", _invalid)),
            arrived_at=now,
        )

    def needs_sign_in(self, user: SignedInUser | None) -> bool:
        """Tell whether the user must prove who they are before this request is answered.

        Source: OpenID Connect Core 1.0, section 3.1.2.3.
        """
        if user is None:
            return True
        if self.prompt == "login":
            return user.auth_time < self.arrived_at
        return self.max_age is not None and user.auth_time < self.arrived_at - self.max_age


class RequestCarrier:
    """Carries a checked request through the sign-in as a signed value, never as a free URL.

    Args:
        secret_keys: The application's secret key, older ones before it.
        clients: A request of a client that is no longer registered is dropped.
    """

    def __init__(self, secret_keys: Sequence[bytes], clients: ClientRegistry) -> None:
        self._serializer = URLSafeSerializer(
            list(secret_keys), salt="flask_handoff.authorization_request"
        )
        self._clients = clients

    def pack(self, request: AuthorizationRequest) -> str:
        """Sign the request, for a hidden field or a URL."""
        fields = asdict(request)
        fields["scope"] = sorted(request.scope)
        fields["max_age"] = None if request.max_age is None else request.max_age.total_seconds()
        fields["arrived_at"] = request.arrived_at.timestamp()
        return str(self._serializer.dumps(fields))

    def unpack(self, unverified_carried: str, now: datetime) -> AuthorizationRequest:
        """Return the request that was packed here.

        Raises:
            AuthorizationExpiredError: Not signed by this application, or packed over ten minutes
                ago, or for a client whose registration has changed since.
            ClientUnknownError, RedirectURIMismatchError, ResponseModeError, StateError: The
                registration that the request relied on is gone.
        """
        if len(unverified_carried) > _LONGEST_CARRIED:
            raise AuthorizationExpiredError("the carried request is too long")
        try:
            fields: dict[str, Any] = self._serializer.loads(unverified_carried)
        except BadData as error:
            raise AuthorizationExpiredError("the carried request was not signed here") from error
        try:
            request = self._restore(fields)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # Signed by another version of this library, before or after an update.
            raise AuthorizationExpiredError("the carried request has another form") from error
        if now - request.arrived_at >= LIFETIME:
            raise AuthorizationExpiredError("the sign-in took longer than ten minutes")
        return request

    def client_of(self, request: AuthorizationRequest) -> Client:
        """Return the client that made the request."""
        return self._clients.client(request.address.client_id)

    def _restore(self, fields: dict[str, Any]) -> AuthorizationRequest:
        address = ReturnAddress(**fields.pop("address"))
        client = self._clients.client(address.client_id)
        client.check_redirect_uri(address.redirect_uri)
        client.check_response_mode(address.response_mode)
        client.check_state(address.state)
        max_age = fields.pop("max_age")
        return AuthorizationRequest(
            address=address,
            scope=frozenset(fields.pop("scope")),
            max_age=None if max_age is None else timedelta(seconds=max_age),
            arrived_at=datetime.fromtimestamp(fields.pop("arrived_at"), UTC),
            **fields,
        )


def _read_scope(unverified_scope: str | None) -> frozenset[str]:
    if (
        unverified_scope is None
        or len(unverified_scope) > _LONGEST_SCOPE
        or _SCOPE.fullmatch(unverified_scope) is None
        or "openid" not in unverified_scope.split(" ")
    ):
        raise AuthorizationReturnedError(
            "scope: expected a list of scopes with openid", error="invalid_scope"
        )
    return frozenset(unverified_scope.split(" "))


def _read_prompt(unverified_prompt: str | None) -> str | None:
    match (unverified_prompt or "").split(" "):
        case [""]:
            return None
        case ["none" | "login" as prompt]:
            return prompt
        case _:
            raise _invalid("prompt: expected none or login")


def _read_max_age(unverified_max_age: str | None) -> timedelta | None:
    if unverified_max_age is None:
        return None
    if _SECONDS.fullmatch(unverified_max_age) is None:
        raise _invalid("max_age: expected a number of seconds")
    return timedelta(seconds=int(unverified_max_age))


def _read_login_hint(unverified_hint: str | None) -> str | None:
    if unverified_hint is not None and not (
        len(unverified_hint) <= 255 and unverified_hint.isprintable()
    ):
        raise _invalid("login_hint: expected at most 255 printable characters")
    return unverified_hint


def _invalid(message: str) -> AuthorizationReturnedError:
    return AuthorizationReturnedError(message, error="invalid_request")
