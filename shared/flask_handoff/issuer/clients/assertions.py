"""Client assertions: a client proves who it is by a JWT of its own (``private_key_jwt``)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple, Self, TypeVar

from flask_handoff.claims import Clock, UnverifiedToken
from flask_handoff.errors import ClientAssertionError, ClientUnknownError, HandoffRejectedError
from flask_handoff.stores import ReplayStore
from flask_handoff.tokens import ClientAssertionVerifier
from flask_handoff.tokens.assertion_verifier import unverified_client_id

from .client import Client
from .registry import ClientSource

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The only ``client_assertion_type``. Source: RFC 7523, section 2.2."""

_Checked = TypeVar("_Checked")


def _nothing() -> None:
    """Redeem nothing: a secret is good again."""


class Proof(NamedTuple):
    """That a request is from a client: once what proves it is redeemed, and not before."""

    client: Client
    redeem: Callable[[], None] = _nothing
    transaction: Callable[[], AbstractContextManager[object]] | None = None
    """That the store was lent by the application: to redeem, and grant, in one."""


class ClientAssertions(NamedTuple):
    """What an issuer needs that takes client assertions."""

    audiences: tuple[str, str]  # the issuer, and its token endpoint for some
    replay_store: ReplayStore
    clients: ClientSource
    clock: Clock

    @classmethod
    def of(
        cls,
        audiences: tuple[str, str],
        replay_store: ReplayStore | None,
        clients: ClientSource,
        clock: Clock,
    ) -> Self | None:
        """Return None without a store: an assertion must not be good twice."""
        if replay_store is None:
            return None
        return cls(audiences, replay_store, clients, clock)

    def authenticate(self, unverified_token: UnverifiedToken, client_id: str | None) -> Proof:
        """Return the client that has signed this assertion, which is redeemed once.

        Who sends what is not genuine gets no further than this, and holds no transaction.

        Args:
            client_id: Who sends it, where the request says so.

        Raises:
            ClientAssertionError: It proves nothing; the text, for the log, names the check. The
                proof raises it as well: it was used before.
            DependencyUnavailableError: It cannot be told.

        Sources: RFC 7521, section 4.2; RFC 7523, section 3.
        """
        client = self.signer(unverified_token)
        if client_id not in (None, client.client_id):
            raise ClientAssertionError("client_id: not the client of the client_assertion")
        verifier = self.verifier(client)
        case = _checked(client, partial(verifier.inspect, unverified_token))
        redeem = partial(_checked, client, partial(verifier.redeem, case))
        return Proof(client, redeem, getattr(self.replay_store, "transaction", None))

    def signer(self, unverified_token: UnverifiedToken) -> Client:
        """Return the client that an assertion says it is from, which nothing has proved yet.

        Raises:
            ClientAssertionError: It names none, or one that is unknown.
        """
        try:
            return self.clients.client(unverified_client_id(unverified_token))
        except ClientUnknownError:
            raise ClientAssertionError("client_assertion of an unknown client") from None
        except HandoffRejectedError as error:
            raise _refusal(f"of no client: {error}", error) from error

    def verifier(self, client: Client) -> ClientAssertionVerifier:
        """Return what verifies the assertions of one client, with no keys but its own."""
        issuer, token_endpoint = self.audiences
        return ClientAssertionVerifier(
            client_id=client.client_id,
            audience=issuer,
            keys=client.public_keys,
            replay_store=self.replay_store,
            token_endpoint=token_endpoint if client.allow_token_endpoint_audience else None,
            clock=self.clock,
        )


def _checked(client: Client, check: Callable[[], _Checked]) -> _Checked:
    try:
        return check()
    except HandoffRejectedError as error:
        raise _refusal(f"of {client.client_id}, check {error.check}: {error}", error) from error


def _refusal(problem: str, cause: HandoffRejectedError) -> ClientAssertionError:
    refusal = ClientAssertionError(f"client_assertion {problem}")
    refusal.check, refusal.kid = cause.check, cause.kid
    refusal.jwt_id, refusal.issuer = cause.jwt_id, cause.issuer
    return refusal
