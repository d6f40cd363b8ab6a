"""What the application does with the issuer beside its pages: notify clients, take tokens back."""

from __future__ import annotations

from datetime import datetime

from flask_handoff.claims import AccessClaims, RefreshFamily, Revocation, UnverifiedToken

from .clients import Client
from .context import issuer_context
from .logout import deliver_logout
from .revocation import deliver_revocation
from .revocation_endpoint import revoke_any


class NoticesOfIssuer:
    """The methods of ``HandoffIssuer`` that end what was issued."""

    def send_logout(
        self,
        client: Client,
        *,
        ended_at: datetime,
        session_id: str | None = None,
        subject: str | None = None,
        valid_after: datetime | None = None,
    ) -> None:
        """Tell one client, once, which of its users' sessions have ended.

        Call it where nobody waits for an answer: it takes up to five seconds, or longer where the
        host's name cannot be found. Where it fails, call it again later.

        Args:
            client: One with a ``backchannel_logout_uri``.
            ended_at, session_id, subject, valid_after: See ``TokenMinter.mint_logout``.

        Raises:
            LogoutNotDeliveredError: The token cannot be signed, or the client cannot be reached, or
                does not answer within the bounds that it is done. The text says why, and holds
                nothing of what came.
            ValueError: Neither a session nor an account is named.

        Source: OpenID Connect Back-Channel Logout 1.0, sections 2.5 and 2.8.
        """
        issuer = issuer_context()
        deliver_logout(
            issuer.minter,
            client,
            ended_at=ended_at,
            session_id=session_id,
            subject=subject,
            valid_after=valid_after,
            ca_file=issuer.config.ca_file,
        )

    def send_revocation(self, client: Client, revocation: Revocation) -> None:
        """Tell one client's API, once, which access tokens are dead.

        Call it as ``send_logout`` is called, and again where it fails.

        Args:
            client: One with a ``revocation_uri``.
            revocation: What is taken back. A *valid_after* lies at most 10 s ahead.

        Raises:
            RevocationNotDeliveredError: As ``LogoutNotDeliveredError`` of ``send_logout``.

        Sources: RFC 8417, section 2; RFC 8935, section 2.
        """
        issuer = issuer_context()
        deliver_revocation(issuer.minter, client, revocation, ca_file=issuer.config.ca_file)

    def revoke_token(self, unverified_token: str) -> AccessClaims | RefreshFamily:
        """Revoke a token, whichever client it was issued to, and return what it was: for operators.

        An access token alone, or all of a family of refresh tokens, with their access tokens.

        Raises:
            HandoffRejectedError, RefreshTokenInvalidError: It is none that still holds.
            DependencyUnavailableError: It cannot be told, or cannot be noted.
            RuntimeError: It is no refresh token, and there is no ``revoked_tokens``.
        """
        return revoke_any(issuer_context(), UnverifiedToken(unverified_token))
