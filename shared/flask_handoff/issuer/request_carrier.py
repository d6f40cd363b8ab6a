"""Carries a checked request through a sign-in, and through the question for consent."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from itsdangerous import BadData, URLSafeSerializer

from flask_handoff.errors import AuthorizationExpiredError, AuthorizationRequestError
from flask_handoff.stores import CodeStore, RefreshStore

from .authorization import AuthorizationRequest, ReturnAddress
from .clients import Client, ClientSource

LIFETIME = timedelta(minutes=10)  # to sign in, from the request's arrival

Destination = tuple[Client, str | None]
"""Where a user was going: the client, and the target as it was sent, for that client to judge.
The target is None for the client's own choice."""


class Carrier:
    """Signs what a page of the application carries on, for ten minutes.

    Args:
        secret_keys: The application's secret key, older ones before it; each text or bytes.
        purpose: What is signed for one is refused for another.
    """

    def __init__(self, secret_keys: list[Any], purpose: str) -> None:
        self._serializer = URLSafeSerializer(secret_keys, salt=f"flask_handoff.{purpose}")

    def sign(self, arrived_at: datetime, content: object) -> str:
        """Return JSON values signed, for a hidden field or a URL."""
        return str(self._serializer.dumps([arrived_at.timestamp(), content]))

    def read(self, unverified_carried: str, now: datetime) -> tuple[datetime, Any]:
        """Return when that which was signed here arrived, and what it is.

        Raises:
            AuthorizationExpiredError: Not signed by this application, or over ten minutes ago.
        """
        try:
            seconds, content = self._serializer.loads(unverified_carried)
            arrived_at = datetime.fromtimestamp(seconds, UTC)
        except BadData as error:
            raise AuthorizationExpiredError(
                "the carried request was not signed here: do all processes have one SECRET_KEY?"
            ) from error
        except (TypeError, ValueError) as error:
            raise another_form() from error
        if now - arrived_at >= LIFETIME:
            expired = AuthorizationExpiredError("the sign-in took longer than ten minutes")
            expired.content = content
            raise expired
        return arrived_at, content


def another_form() -> AuthorizationExpiredError:
    """Say that another version of this library has signed it, before or after an update."""
    return AuthorizationExpiredError("the carried request has another form")


class RequestCarrier:
    """Carries a checked request through the sign-in as a signed value, never as a free URL.

    Args:
        secret_keys: See ``Carrier``.
        clients: A request of a client that is no longer registered is dropped.
        response_types, offline_access: What this issuer can answer with, see
            ``AuthorizationRequest.read``.
    """

    def __init__(
        self,
        secret_keys: list[Any],
        clients: ClientSource,
        response_types: Collection[str] = frozenset({"id_token"}),
        *,
        offline_access: bool = False,
    ) -> None:
        self._carrier = Carrier(secret_keys, "authorization_request")
        self._clients = clients
        self.response_types = response_types
        self.offline_access = offline_access

    @classmethod
    def of(
        cls,
        secret_keys: list[Any],
        clients: ClientSource,
        codes: CodeStore | None,
        refresh_tokens: RefreshStore | None,
    ) -> Self:
        """Return that of an issuer with these stores."""
        response_types = {"id_token"} if codes is None else {"id_token", "code"}
        return cls(secret_keys, clients, response_types, offline_access=refresh_tokens is not None)

    def pack(self, request: AuthorizationRequest) -> str:
        """Sign the request, for a hidden field or a URL."""
        return self._carrier.sign(request.arrived_at, request.parameters)

    def unpack(self, unverified_carried: str, now: datetime) -> AuthorizationRequest:
        """Return the request that was packed here, read again as if it came now.

        Raises:
            AuthorizationExpiredError: Not signed by this application, or packed over ten minutes
                ago.
            AuthorizationRequestError: The registration that the request relied on is gone.
        """
        arrived_at, parameters = self._carrier.read(unverified_carried, now)
        if type(parameters) is not dict:
            raise another_form()
        carried = {name: [value] for name, value in parameters.items()}
        address = ReturnAddress.read(carried, self._clients)
        return AuthorizationRequest.read(
            carried,
            address,
            arrived_at,
            response_types=self.response_types,
            offline_access=self.offline_access,
        )

    def destination(self, unverified_carried: str, now: datetime) -> Destination | None:
        """Return where a request that was packed here leads to, whatever its age; else None."""
        try:
            _, content = self._carrier.read(unverified_carried, now)
        except AuthorizationExpiredError as error:
            content = error.content
        return self.destination_of(content)

    def destination_of(self, content: object) -> Destination | None:
        """Return where a request leads to that was signed here; None if its client is gone."""
        if not isinstance(content, dict):
            return None
        try:
            client = self._clients.client(str(content.get("client_id")))
        except AuthorizationRequestError:
            return None
        return client, content.get("target_link_uri")
