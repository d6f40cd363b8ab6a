"""Three ways to end an access token before its time. Without any, its short life ends it.

``docs/revocation.md`` says which of them to choose.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from flask_handoff.claims import AccessClaims, Revocation, UnverifiedToken
from flask_handoff.errors import RevocationUnsupportedError, TokenRevokedError
from flask_handoff.profiles import ACCESS
from flask_handoff.stores import RevocationCheck

from .copy import RevocationCopy

ACTIVE_FOR = timedelta(seconds=60)
"""How long a token stays on the allowlist before the issuer is asked about it again."""

_ACTIVE_FOR = int(ACTIVE_FOR.total_seconds())
# Where more is left than another machine may have listed, this clock has been set back since.
_MOST_LEFT = _ACTIVE_FOR + int(ACCESS.leeway.total_seconds())


class RevocationStrategy(RevocationCheck, Protocol):
    """What an API knows of revoked tokens, which it learns by notices."""

    def note(self, revocation: Revocation) -> None:
        """Note what a notice has proved; it holds in every process ``REFRESH_AFTER`` later.

        Raises:
            RevocationUnsupportedError: This strategy cannot express it.
            RevocationListUnavailableError: It cannot be kept.
        """


class ValidAfter:
    """Refuses what was issued before a date: of everything, of its client, user or session."""

    def __init__(self, copy: RevocationCopy) -> None:
        self._copy = copy

    def check_not_revoked(self, claims: AccessClaims, token: UnverifiedToken) -> None:
        """Check that an access token lives, see ``RevocationCheck``."""
        self._copy.refresh()
        valid_after = self._copy.valid_after(claims)
        if valid_after and claims.issued_at.timestamp() < valid_after:
            raise TokenRevokedError("what was issued before a later date was revoked")

    def note(self, revocation: Revocation) -> None:
        """Note a notice, see ``RevocationStrategy``; one token cannot be named."""
        if revocation.jwt_id is not None:
            raise RevocationUnsupportedError("one token cannot be revoked by a date")
        self._keep(revocation)

    def _keep(self, revocation: Revocation) -> None:
        claim, value = revocation.named_by
        self._copy.note(claim, value, int(revocation.dated.timestamp()))


class Blocklist(ValidAfter):
    """Refuses single tokens as well, each by its name, until it would have died by itself."""

    def check_not_revoked(self, claims: AccessClaims, token: UnverifiedToken) -> None:
        """Check that an access token lives, see ``RevocationCheck``."""
        super().check_not_revoked(claims, token)
        if self._copy.dated("jti", claims.jwt_id):
            raise TokenRevokedError("the token was revoked")

    def note(self, revocation: Revocation) -> None:
        """Note a notice, see ``RevocationStrategy``; one token can be named."""
        self._keep(revocation)


class Allowlist(Blocklist):
    """Lets in only what the issuer has called active, at most ``ACTIVE_FOR`` ago.

    What a notice takes back is refused as by a blocklist: an answer of the issuer from before,
    which arrives after the notice, cannot bring it back.

    Args:
        is_active: Asks the issuer about one token.
    """

    def __init__(self, copy: RevocationCopy, is_active: Callable[[UnverifiedToken], bool]) -> None:
        super().__init__(copy)
        self._is_active = is_active

    def check_not_revoked(self, claims: AccessClaims, token: UnverifiedToken) -> None:
        """Check that an access token lives, see ``RevocationCheck``."""
        super().check_not_revoked(claims, token)
        now = self._copy.now()
        left = self._copy.dated("active", claims.jwt_id) - now
        if 0 < left <= _MOST_LEFT:
            return
        if not self._is_active(token):
            raise TokenRevokedError("the issuer does not call it active")
        until = now + _ACTIVE_FOR
        self._copy.note("active", claims.jwt_id, until)
        self._copy.keep("active", claims.jwt_id, until)
