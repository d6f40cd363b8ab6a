"""Something needed for an answer is out of reach."""

from __future__ import annotations

from .root import HandoffError


class DependencyUnavailableError(HandoffError, code="dependency_unavailable"):
    """Something needed for a verdict is out of reach: nobody is signed in (HTTP 503)."""


class JWKSUnavailableError(DependencyUnavailableError, code="jwks_unavailable"):
    """The issuer's public keys are unavailable; nothing is known about the token."""


class IssuerClockError(DependencyUnavailableError, code="issuer_clock"):
    """The issuer's clock and ours differ by more than the leeway: tokens are refused."""


class ReplayStoreUnavailableError(DependencyUnavailableError, code="replay_store_unavailable"):
    """It is not known whether the token was used before."""


class CodeStoreUnavailableError(DependencyUnavailableError, code="code_store_unavailable"):
    """It is not known what an authorization code stands for, or whether a token is revoked."""


class RefreshStoreUnavailableError(DependencyUnavailableError, code="refresh_store_unavailable"):
    """It is not known whether a refresh token is good, or an access token of its family."""


class RevokedTokenStoreUnavailableError(
    DependencyUnavailableError, code="revoked_token_store_unavailable"
):
    """It is not known whether an access token was revoked, or it cannot be noted."""


class RevocationListUnavailableError(
    DependencyUnavailableError, code="revocation_list_unavailable"
):
    """It is not known which access tokens were revoked, or a revocation cannot be noted."""


class IntrospectionUnavailableError(DependencyUnavailableError, code="introspection_unavailable"):
    """The issuer does not say whether an access token is active."""


class SigningUnavailableError(DependencyUnavailableError, code="signing_unavailable"):
    """The key that signs is elsewhere, for example in a KMS, and gives no signature now."""


class IssuingPausedError(DependencyUnavailableError, code="issuing_paused"):
    """Everything was taken back by a clock far ahead; what is issued now would be dead already."""


class LogoutFailedError(DependencyUnavailableError, code="logout_failed"):
    """The application could not end the sessions that a logout token named (HTTP 400)."""
