"""SERVER1 refuses a program: at ``/token``, or where an access token is presented."""

from __future__ import annotations

from .root import HandoffError


class TokenRequestError(HandoffError, code="token_request"):
    """A request for a token is refused (HTTP 400, JSON).

    Args:
        error: An error code of RFC 6749, section 5.2, or RFC 8707, section 2.
    """

    def __init__(self, message: str, *, error: str = "invalid_request") -> None:
        super().__init__(message)
        self.error = error


class ClientAuthenticationError(TokenRequestError, code="client_authentication"):
    """The client is not registered, or did not prove who it is (HTTP 401).

    Args:
        claimed_client_id: Who it says it is, where such a client is registered: for the log alone.
    """

    def __init__(self, message: str, *, claimed_client_id: str | None = None) -> None:
        super().__init__(message, error="invalid_client")
        self.claimed_client_id = claimed_client_id


class ClientAssertionError(ClientAuthenticationError, code="client_assertion"):
    """The JWT with which a client authenticates is refused (HTTP 401); ``check`` says by what."""


class CodeInvalidError(TokenRequestError, code="code_invalid"):
    """The authorization code is unknown, has expired, or was issued for another request."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error="invalid_grant")


class CodeVerifierError(CodeInvalidError, code="code_verifier"):
    """The code is good, the verifier belongs to another: as a rule a user with two tabs."""


class CodeReplayedError(CodeInvalidError, code="code_replayed"):
    """The code was used before: what it was exchanged for is revoked.

    Its access token is named by ``jwt_id``.
    """

    def __init__(self, message: str, *, jwt_id: str | None = None) -> None:
        super().__init__(message)
        self.jwt_id = jwt_id


class RefreshTokenInvalidError(TokenRequestError, code="refresh_token_invalid"):
    """The refresh token is unknown, has expired, is another client's, or its family has ended."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error="invalid_grant")


class RefreshTokenReusedError(RefreshTokenInvalidError, code="refresh_token_reused"):
    """The refresh token was used before, so two hold it: its family ends, access tokens too."""


class AccessTokenError(HandoffError, code="access_token"):
    """A request with an access token is refused.

    Args:
        error: An error code of RFC 6750, section 3.1; None where no token came at all.
        status: The HTTP status: 400, 401 or 403.
    """

    def __init__(self, message: str, *, error: str | None, status: int) -> None:
        super().__init__(message)
        self.error = error
        self.status = status


class InsufficientScopeError(AccessTokenError, code="insufficient_scope"):
    """The access token is good, and does not allow what was asked for (HTTP 403).

    Args:
        scope: All that it has to allow.
    """

    def __init__(self, scope: frozenset[str]) -> None:
        needed = " ".join(sorted(scope))
        super().__init__(f"the scope has to hold: {needed}", error="insufficient_scope", status=403)
        self.scope = scope
