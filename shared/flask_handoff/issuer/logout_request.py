"""What a client asks of SERVER1 when it wants its user signed out there: read and checked."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from flask_handoff.addresses import with_parameters
from flask_handoff.claims import SignedInUser, UnverifiedToken
from flask_handoff.errors import (
    AuthorizationExpiredError,
    ClientUnknownError,
    HandoffRejectedError,
    LogoutRequestError,
)
from flask_handoff.tokens import IDTokenHintVerifier
from flask_handoff.tokens.hint_verifier import IDTokenHint
from flask_handoff.web import request_id
from flask_handoff.web.parameters import ParameterReader, UnverifiedParameters

from .authorization import LONGEST_STATE
from .clients import Client, ClientSource
from .request_carrier import Carrier

_PARAMETERS = (
    *("id_token_hint", "logout_hint", "client_id"),
    *("post_logout_redirect_uri", "state", "ui_locales"),
)
_LONGEST_HINT = 255  # characters of a logout_hint

_log = logging.getLogger("flask_handoff")


class LogoutRequest(NamedTuple):
    """One checked request.

    Args:
        client: Who asks; None where it does not say, or is not registered.
        post_logout_redirect_uri: Where the user goes afterwards, registered for the client; None
            for a page of the issuer's.
        state: What goes back to the client with them.
        session_ids: The ``sid`` of each session that the request names.
        cannot_return: Whether it names an address that nobody may be redirected to.
    """

    client: Client | None
    post_logout_redirect_uri: str | None
    state: str | None
    session_ids: Collection[str]
    cannot_return: bool

    @classmethod
    def read(
        cls, unverified: UnverifiedParameters, clients: ClientSource, hints: IDTokenHintVerifier
    ) -> LogoutRequest:
        """Read the request. What cannot be verified is not used: the user is asked instead.

        Raises:
            LogoutRequestError: A parameter is sent twice, ``state`` is over 4,096 characters, or
                ``client_id`` is not the client of the ``id_token_hint``.
            DependencyUnavailableError: Keys or clients are out of reach.

        Source: OpenID Connect RP-Initiated Logout 1.0, sections 2 to 4.
        """
        read = ParameterReader(unverified, LogoutRequestError)
        given = {name: read.text(name) for name in _PARAMETERS}
        if len(given["state"] or "") > LONGEST_STATE:
            raise LogoutRequestError(f"state: over {LONGEST_STATE} characters")
        hint = _genuine(given["id_token_hint"], hints)
        client_id, session_ids = given["client_id"], []
        if hint is not None:
            if client_id not in (None, hint.client_id):
                raise LogoutRequestError("client_id: not the client of the id_token_hint")
            client_id = hint.client_id
            session_ids.append(hint.session_id)
        if given["logout_hint"] and len(given["logout_hint"]) <= _LONGEST_HINT:
            session_ids.append(given["logout_hint"])
        client = _find(client_id, clients)
        wanted = given["post_logout_redirect_uri"]
        uri = wanted if client and wanted in client.post_logout_redirect_uris else None
        return cls(client, uri, given["state"], session_ids, uri != wanted)

    def is_by(self, user: SignedInUser) -> bool:
        """Tell whether it names the session of this user, and so comes from a client of it.

        A ``sid`` is random, and known only to the user and to clients that the session entered. A
        page of a stranger cannot name it.
        """
        own = user.session_id.encode()
        return any(hmac.compare_digest(own, each.encode()) for each in self.session_ids)

    @property
    def return_url(self) -> str | None:
        """Where the user goes afterwards; None for a page of the issuer's."""
        if self.post_logout_redirect_uri is None:
            return None
        return with_parameters(self.post_logout_redirect_uri, {"state": self.state})


class LogoutCarrier:
    """Carries a checked request through the question whether to sign out.

    Args:
        secret_keys: See ``Carrier``.
        clients: Nobody is redirected to an address that is not registered any more.
    """

    def __init__(self, secret_keys: list[Any], clients: ClientSource) -> None:
        self._carrier = Carrier(secret_keys, "logout_request")
        self._clients = clients

    def pack(self, logout: LogoutRequest, now: datetime) -> str:
        """Sign the request, for a hidden field or a URL. No ID Token is in it."""
        client_id = logout.client and logout.client.client_id
        return self._carrier.sign(now, [client_id, *logout[1:]])

    def unpack(self, unverified_carried: str, now: datetime) -> LogoutRequest:
        """Return the request that was packed here.

        Raises:
            LogoutRequestError: Not signed by this application, or packed over ten minutes ago.
            DependencyUnavailableError: The clients are out of reach.
        """
        try:
            _, content = self._carrier.read(unverified_carried, now)
            client_id, uri, state, session_ids, cannot_return = content
        except (AuthorizationExpiredError, TypeError, ValueError) as error:
            raise LogoutRequestError("the carried request has expired") from error
        client = _find(client_id, self._clients)
        if client is None or uri not in client.post_logout_redirect_uris:
            uri, cannot_return = None, cannot_return or uri is not None
        return LogoutRequest(client, uri, state, session_ids, cannot_return)


def _genuine(unverified_hint: str | None, hints: IDTokenHintVerifier) -> IDTokenHint | None:
    if unverified_hint is None:
        return None
    try:
        return hints.verify(UnverifiedToken(unverified_hint))
    except HandoffRejectedError as error:
        _log.info(
            "id_token_hint not used: check=%s reason=%s request_id=%s",
            error.check,
            error,
            request_id(),
        )
        return None


def _find(unverified_client_id: str | None, clients: ClientSource) -> Client | None:
    if unverified_client_id is None:
        return None
    try:
        return clients.client(unverified_client_id)
    except ClientUnknownError:
        return None
