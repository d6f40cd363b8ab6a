"""What is asked whether an access token was revoked, and an issuer's own stores, asked as one."""

from __future__ import annotations

from typing import Protocol

from flask_handoff.claims import AccessClaims, UnverifiedToken

from .ports import RevocationStore


class RevocationCheck(Protocol):
    """What a verifier of access tokens asks last: is this one dead before its time?"""

    def check_not_revoked(self, claims: AccessClaims, token: UnverifiedToken) -> None:
        """Check that an access token was not revoked.

        Args:
            claims: What it proved: every other check has passed.
            token: The same as it came, for whoever has to show it to its issuer.

        Raises:
            TokenRevokedError: It was.
            DependencyUnavailableError: It is not known; nobody may be let in.
        """


class Revocations:
    """A ``RevocationCheck`` that asks each of *stores*; None stands for one that there is not.

    Where the first can, see ``RevocableStore.together_with``, it asks them all in one statement.
    """

    def __init__(self, *stores: RevocationStore | None) -> None:
        given = [store for store in stores if store is not None]
        together_with = getattr(given[0], "together_with", None) if given else None
        together = together_with and together_with(given[1:])
        self._stores = given if together is None else [together]

    def check_not_revoked(self, claims: AccessClaims, _token: UnverifiedToken) -> None:
        """Check that none knows the token as revoked, see ``RevocationCheck``."""
        for store in self._stores:
            store.check_not_revoked(claims.jwt_id)
