"""Everything that can go wrong, as one tree.

    HandoffError
    ├── ConfigurationError               an operator must mend a setting; raised at start-up
    ├── HandoffRejectedError             what came from outside is refused
    │   ├── RequestMalformedError            request_malformed
    │   ├── TokenMalformedError              token_malformed
    │   ├── TokenSignatureError              token_signature
    │   ├── TokenKeyUnknownError             token_key_unknown
    │   ├── TokenClaimError                  token_claim             carries ``claim``
    │   │   ├── TokenExpiredError            token_expired           carries ``expired_at``
    │   │   └── TokenNotYetValidError        token_not_yet_valid
    │   ├── TokenReplayedError               token_replayed
    │   ├── SessionEndedError                session_ended           carries ``ended_at``
    │   ├── AttemptUnknownError              attempt_unknown
    │   ├── ResponseIssuerError              response_issuer
    │   ├── AuthorizationFailedError         authorization_failed    carries ``error``
    │   └── UnsafeReturnToError              unsafe_return_to
    ├── AuthorizationRequestError        SERVER1 refuses a request for a handoff
    │   ├── ClientUnknownError               client_unknown          answered with a page
    │   ├── RedirectURIMismatchError         redirect_uri_mismatch   answered with a page
    │   ├── ResponseModeError                response_mode           answered with a page
    │   ├── StateError                       state                   answered with a page
    │   ├── AuthorizationExpiredError        authorization_expired   answered with a page
    │   └── AuthorizationReturnedError       authorization_returned  the client is told ``error``
    │       └── AccessDeniedError            access_denied
    ├── LogoutNotDeliveredError          logout_not_delivered    SERVER1 could not tell a client
    ├── KeyLifeCycleError                a key's next step is refused    carries ``again_at``
    ├── KeyMaterialError                 a key or key set may not be used
    │   ├── KeyUnusableError                 key_unusable
    │   └── JWKSMalformedError               jwks_malformed
    └── DependencyUnavailableError       nobody is signed in; "try again"
        ├── JWKSUnavailableError             jwks_unavailable
        ├── ReplayStoreUnavailableError      replay_store_unavailable
        └── LogoutFailedError                logout_failed           answered to the issuer, 400

``code`` is the contract: documented in ``docs/errors.md``, logged, never changed. The text is for
people and may change. Neither ever holds a token, a cookie or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which check refused a token, and of a genuine token which one it was.

    Args:
        check: The check's name, as ``flask handoff-explain`` prints it.
        kid: The key that signed. This and the rest are None unless the signature is good.
        jwt_id: The claim ``jti``, where it is fit for a log.
        issuer: The claim ``iss``, where it is fit for a log.
    """

    check: str
    kid: str | None = None
    jwt_id: str | None = None
    issuer: str | None = None


class HandoffError(Exception):
    """Base of every error that this library raises on purpose.

    Where a check of a token raised it, ``refusal`` says which one; else it is None.
    """

    code: ClassVar[str] = "handoff"
    refusal: Refusal | None = None


class ConfigurationError(HandoffError):
    """A setting is wrong. Raised at start-up, never while a request is answered.

    Args:
        problem: What is wrong, as one sentence.
        remedy: What to do about it, as one sentence.
    """

    code = "configuration"

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


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
    """The token's time is over.

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
    """This browser began no such handoff, or began it too long ago (log-in CSRF)."""

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


class AuthorizationRequestError(HandoffError):
    """SERVER1 refuses a request for a handoff."""

    code = "authorization_request"


class ClientUnknownError(AuthorizationRequestError):
    """No client of this ``client_id`` is registered."""

    code = "client_unknown"


class RedirectURIMismatchError(AuthorizationRequestError):
    """The ``redirect_uri`` is not, character by character, one that the client registered."""

    code = "redirect_uri_mismatch"


class ResponseModeError(AuthorizationRequestError):
    """The ``response_mode`` is missing, unknown, or not registered for this client."""

    code = "response_mode"


class StateError(AuthorizationRequestError):
    """The ``state`` is too long, or not of the form that the client's policy asks for."""

    code = "state"


class AuthorizationExpiredError(AuthorizationRequestError):
    """The request waited too long for its user to sign in, or was not carried by us."""

    code = "authorization_expired"


class AuthorizationReturnedError(AuthorizationRequestError):
    """The request is refused and the client is told, by redirect.

    Args:
        message: What was expected and what came.
        error: An error code of RFC 6749, section 4.1.2.1, or OpenID Connect Core, section 3.1.2.6.
    """

    code = "authorization_returned"

    def __init__(self, message: str, *, error: str) -> None:
        super().__init__(message)
        self.error = error


class AccessDeniedError(AuthorizationReturnedError):
    """This user may not enter that client.

    Args:
        message: Why, for SERVER1's log and its own page; the client is told only the code.
    """

    code = "access_denied"

    def __init__(self, message: str = "no grant for this client") -> None:
        super().__init__(message, error="access_denied")


class LogoutNotDeliveredError(HandoffError):
    """A client could not be told that sessions have ended, or did not say that it ended them."""

    code = "logout_not_delivered"


class KeyLifeCycleError(HandoffError):
    """A signing key may not take this step of its life, or not yet.

    Args:
        message: Why, and what to do.
        again_at: When it will be allowed; None if time does not help.
    """

    code = "key_life_cycle"

    def __init__(self, message: str, *, again_at: datetime | None = None) -> None:
        super().__init__(message)
        self.again_at = again_at


class KeyMaterialError(HandoffError):
    """A key or a key set may not be used."""

    code = "key_material"


class KeyUnusableError(KeyMaterialError):
    """One key is weak, private, meant for something else, or not RSA."""

    code = "key_unusable"


class JWKSMalformedError(KeyMaterialError):
    """A document is not a JWK Set, or one that must not be trusted as a whole.

    Args:
        message: What was expected and what came.
        holds_no_key: It is a JWK Set, and its issuer has withdrawn every key that could be used.
    """

    code = "jwks_malformed"

    def __init__(self, message: str, *, holds_no_key: bool = False) -> None:
        super().__init__(message)
        self.holds_no_key = holds_no_key


class DependencyUnavailableError(HandoffError):
    """Something needed for a verdict is out of reach: nobody is signed in (HTTP 503)."""

    code = "dependency_unavailable"


class JWKSUnavailableError(DependencyUnavailableError):
    """The issuer's public keys cannot be had; nothing is known about the token."""

    code = "jwks_unavailable"


class ReplayStoreUnavailableError(DependencyUnavailableError):
    """It cannot be told whether the token was used before."""

    code = "replay_store_unavailable"


class LogoutFailedError(DependencyUnavailableError):
    """The application could not end the sessions that a logout token named (HTTP 400)."""

    code = "logout_failed"
