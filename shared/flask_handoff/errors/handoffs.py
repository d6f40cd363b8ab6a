"""What came to SERVER2 from outside is refused."""

from __future__ import annotations

from datetime import datetime

from .root import HandoffError


class HandoffRejectedError(HandoffError, code="handoff_rejected"):
    """A handoff that arrived is refused; nobody is signed in (HTTP 403)."""


class RequestMalformedError(HandoffRejectedError, code="request_malformed"):
    """A parameter is missing, sent twice, too long or not of its form (HTTP 400)."""


class TokenMalformedError(HandoffRejectedError, code="token_malformed"):
    """The text is not a compact JWS of the expected kind."""


class TokenSignatureError(HandoffRejectedError, code="token_signature"):
    """The signature was not made over this text by the named key."""


class TokenKeyUnknownError(HandoffRejectedError, code="token_key_unknown"):
    """The issuer publishes no key with this ``kid``."""


class TokenClaimError(HandoffRejectedError, code="token_claim"):
    """A claim is missing, of the wrong type, or not the expected value.

    Args:
        claim: The claim's short name, for example ``aud``.
    """

    def __init__(self, message: str, *, claim: str) -> None:
        super().__init__(message)
        self.claim = claim


class TokenExpiredError(TokenClaimError, code="token_expired"):
    """The token has expired.

    A handoff's says when it was issued, and to whom: a browser that asked for it later has a server
    whose clock is ahead.
    """

    issued_at: datetime | None = None
    nonce: str | None = None


class ClockAheadError(TokenExpiredError, code="clock_ahead"):
    """The token had expired when it came, since this clock is ahead of the issuer's."""


class TokenNotYetValidError(TokenClaimError, code="token_not_yet_valid"):
    """The token is not valid yet: a clock is wrong, or it was minted ahead."""


class TokenReplayedError(HandoffRejectedError, code="token_replayed"):
    """The token was good, and has been used before."""


class TokenRevokedError(HandoffRejectedError, code="token_revoked"):
    """The access token is good, and was revoked."""


class RevocationUnsupportedError(HandoffRejectedError, code="revocation_unsupported"):
    """A revocation notice is good, and names what is not refused by this service's strategy."""


class SessionEndedError(HandoffRejectedError, code="session_ended"):
    """The session at the issuer that the handoff came from has ended since.

    Args:
        ended_at: When it ended, by the issuer's clock.
    """

    def __init__(self, message: str, *, ended_at: datetime) -> None:
        super().__init__(message)
        self.ended_at = ended_at


class SessionNotKeptError(HandoffRejectedError, code="session_not_kept"):
    """This browser was signed in twice within seconds, and holds no session here all the same."""


class AttemptUnknownError(HandoffRejectedError, code="attempt_unknown"):
    """This browser began no such handoff, or began it too long ago (login CSRF).

    ``account`` is the issuer and subject of a genuine token, which is spent by this.
    """

    account: tuple[str, str] | None = None


class ResponseIssuerError(HandoffRejectedError, code="response_issuer"):
    """The response names another issuer than the one that was asked (RFC 9207, section 2.4)."""


class AuthorizationFailedError(HandoffRejectedError, code="authorization_failed"):
    """SERVER1 sent the user back with an error instead of a token.

    Args:
        error: The error code, one that is known, else ``server_error``.
    """

    def __init__(self, message: str, *, error: str) -> None:
        super().__init__(message)
        self.error = error


class UnsafeReturnToError(HandoffRejectedError, code="unsafe_return_to"):
    """The address to return to is not a plain path of this site (open redirect)."""
