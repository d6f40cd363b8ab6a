"""What came to a receiver from outside is refused, or cannot be judged."""

from __future__ import annotations

from datetime import datetime

from .tree import DependencyUnavailableError, HandoffError


class HandoffRejectedError(HandoffError):
    """A handoff that arrived is refused; nobody is signed in."""

    code = "handoff_rejected"


class RequestMalformedError(HandoffRejectedError):
    """A parameter is missing, sent twice, too long or not of its form (HTTP 400)."""

    code = "request_malformed"


class TokenMalformedError(HandoffRejectedError):
    """The text is not a compact JWS of the expected kind."""

    code = "token_malformed"


class TokenSignatureError(HandoffRejectedError):
    """The signature was not made over this text by the named key."""

    code = "token_signature"


class TokenKeyUnknownError(HandoffRejectedError):
    """The issuer publishes no key with this ``kid``."""

    code = "token_key_unknown"


class TokenClaimError(HandoffRejectedError):
    """A claim is missing, of the wrong type, or not the expected value.

    Args:
        message: What was expected and what came.
        claim: The claim's short name, such as ``aud``.
    """

    code = "token_claim"

    def __init__(self, message: str, *, claim: str) -> None:
        super().__init__(message)
        self.claim = claim


class TokenExpiredError(TokenClaimError):
    """The token has expired.

    Args:
        message: What was expected and what came.
        expired_at: The token's ``exp``, leeway not added.
    """

    code = "token_expired"

    def __init__(self, message: str, *, expired_at: datetime) -> None:
        super().__init__(message, claim="exp")
        self.expired_at = expired_at


class TokenNotYetValidError(TokenClaimError):
    """The token's time has not come: a clock is wrong, or the token was minted ahead."""

    code = "token_not_yet_valid"


class TokenReplayedError(HandoffRejectedError):
    """The token was good, and has been used before."""

    code = "token_replayed"


class SessionEndedError(HandoffRejectedError):
    """The session at the issuer that the handoff came from has ended since (HTTP 403).

    Args:
        message: What came, in our words.
        ended_at: When it ended, by the issuer's clock.
    """

    code = "session_ended"

    def __init__(self, message: str, *, ended_at: datetime) -> None:
        super().__init__(message)
        self.ended_at = ended_at


class AttemptUnknownError(HandoffRejectedError):
    """This browser began no such handoff, or began it too long ago (login CSRF)."""

    code = "attempt_unknown"


class ResponseIssuerError(HandoffRejectedError):
    """The response names another issuer than the one that was asked (RFC 9207, section 2.4)."""

    code = "response_issuer"


class AuthorizationFailedError(HandoffRejectedError):
    """SERVER1 sent the user back with an error instead of a token.

    Args:
        message: What came, in our words.
        error: The error code, one that is known, else ``server_error``.
    """

    code = "authorization_failed"

    def __init__(self, message: str, *, error: str) -> None:
        super().__init__(message)
        self.error = error


class UnsafeReturnToError(HandoffRejectedError):
    """The address to go on to is not a plain path of this site (open redirect)."""

    code = "unsafe_return_to"


class ReplayStoreUnavailableError(DependencyUnavailableError):
    """It cannot be told whether the token was used before."""

    code = "replay_store_unavailable"


class LogoutFailedError(DependencyUnavailableError):
    """The application could not end the sessions that a logout token named (HTTP 400)."""

    code = "logout_failed"
