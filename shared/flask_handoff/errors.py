"""Everything that can go wrong: one tree, whose root is ``HandoffError``.

``code`` is the contract: documented in ``docs/errors.md``, logged, never changed. The text is for
people and may change. Neither ever holds a token, a cookie or a secret.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar


class HandoffError(Exception):
    """Base of every error that this library raises on purpose.

    Where a check of a token raised it, ``check`` says which one, as ``flask handoff-explain``
    prints it. If the signature was good, ``kid`` is the key that signed; ``jwt_id`` and ``issuer``
    are the claims ``jti`` and ``iss``, where they are fit for a log.
    """

    code: ClassVar[str] = "handoff"
    check: str | None = None
    kid: str | None = None
    jwt_id: str | None = None
    issuer: str | None = None

    def __init_subclass__(cls, *, code: str | None = None, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if code is not None:
            cls.code = code


class ConfigurationError(HandoffError, code="configuration"):
    """A setting is wrong. Raised at start-up, never while a request is answered.

    Args:
        problem: What is wrong, as one sentence.
        remedy: What to do about it, as one sentence.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


# What came to SERVER2 from outside is refused.


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
    """The token has expired."""


class TokenNotYetValidError(TokenClaimError, code="token_not_yet_valid"):
    """The token is not valid yet: a clock is wrong, or it was minted ahead."""


class TokenReplayedError(HandoffRejectedError, code="token_replayed"):
    """The token was good, and has been used before."""


class TokenRevokedError(HandoffRejectedError, code="token_revoked"):
    """The access token is good, and was revoked: its authorization code was used twice."""


class SessionEndedError(HandoffRejectedError, code="session_ended"):
    """The session at the issuer that the handoff came from has ended since.

    Args:
        ended_at: When it ended, by the issuer's clock.
    """

    def __init__(self, message: str, *, ended_at: datetime) -> None:
        super().__init__(message)
        self.ended_at = ended_at


class AttemptUnknownError(HandoffRejectedError, code="attempt_unknown"):
    """This browser began no such handoff, or began it too long ago (login CSRF)."""


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


# SERVER1 refuses a request for a handoff, or could not deliver a logout.


class AuthorizationRequestError(HandoffError, code="authorization_request"):
    """SERVER1 refuses a request for a handoff, with a page (HTTP 400)."""


class ClientUnknownError(AuthorizationRequestError, code="client_unknown"):
    """No client of this ``client_id`` is registered."""


class RedirectURIMismatchError(AuthorizationRequestError, code="redirect_uri_mismatch"):
    """The ``redirect_uri`` is not, character by character, one that the client registered."""


class ResponseModeError(AuthorizationRequestError, code="response_mode"):
    """The ``response_mode`` is missing, unknown, or not registered for this client."""


class StateError(AuthorizationRequestError, code="state"):
    """The ``state`` is too long, or not of the form that the client's policy asks for."""


class AuthorizationExpiredError(AuthorizationRequestError, code="authorization_expired"):
    """The request waited too long for its user to sign in, or was not carried by us."""


class AuthorizationReturnedError(AuthorizationRequestError, code="authorization_returned"):
    """The request is refused and the client is told, by redirect.

    Args:
        error: An error code of RFC 6749, section 4.1.2.1, or OpenID Connect Core, section 3.1.2.6.
    """

    def __init__(self, message: str, *, error: str) -> None:
        super().__init__(message)
        self.error = error


class AccessDeniedError(AuthorizationReturnedError, code="access_denied"):
    """This user may not enter that client.

    Args:
        message: Why, for SERVER1's log and its own page; the client is told only the code.
    """

    def __init__(self, message: str = "no grant for this client") -> None:
        super().__init__(message, error="access_denied")


class InvalidTargetError(AuthorizationReturnedError, code="invalid_target"):
    """An access token would be for no service that is registered, or for several."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error="invalid_target")


# SERVER1 refuses a program: at /token, or where an access token is presented.


class TokenRequestError(HandoffError, code="token_request"):
    """A request for a token is refused (HTTP 400, JSON).

    Args:
        error: An error code of RFC 6749, section 5.2, or RFC 8707, section 2.
    """

    def __init__(self, message: str, *, error: str = "invalid_request") -> None:
        super().__init__(message)
        self.error = error


class ClientAuthenticationError(TokenRequestError, code="client_authentication"):
    """The client is not registered, or did not prove who it is (HTTP 401)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error="invalid_client")


class CodeInvalidError(TokenRequestError, code="code_invalid"):
    """The authorization code is unknown, has expired, or was issued for another request."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error="invalid_grant")


class CodeVerifierError(CodeInvalidError, code="code_verifier"):
    """The code is good, the verifier belongs to another: as a rule a user with two tabs."""


class CodeReplayedError(CodeInvalidError, code="code_replayed"):
    """The code was used before: the access token that it was exchanged for is revoked."""


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


class LogoutNotDeliveredError(HandoffError, code="logout_not_delivered"):
    """A client could not be notified of ended sessions, or did not say that it ended them."""


# A key may not be used, or may not take its next step.


class KeyLifeCycleError(HandoffError, code="key_life_cycle"):
    """A signing key may not take this step of its life, or not yet.

    Args:
        again_at: When it will be allowed; None if time does not help.
    """

    def __init__(self, message: str, *, again_at: datetime | None = None) -> None:
        super().__init__(message)
        self.again_at = again_at


class KeyMaterialError(HandoffError, code="key_material"):
    """A key or a key set may not be used."""


class KeyUnusableError(KeyMaterialError, code="key_unusable"):
    """One key is weak, private, meant for something else, or not RSA."""


class JWKSMalformedError(KeyMaterialError, code="jwks_malformed"):
    """A document is not a JWK Set, or one that must not be trusted as a whole.

    Args:
        holds_no_key: It is a JWK Set, and its issuer has removed every key that could be used.
    """

    def __init__(self, message: str, *, holds_no_key: bool = False) -> None:
        super().__init__(message)
        self.holds_no_key = holds_no_key


# Something needed for an answer is out of reach.


class DependencyUnavailableError(HandoffError, code="dependency_unavailable"):
    """Something needed for a verdict is out of reach: nobody is signed in (HTTP 503)."""


class JWKSUnavailableError(DependencyUnavailableError, code="jwks_unavailable"):
    """The issuer's public keys are unavailable; nothing is known about the token."""


class ReplayStoreUnavailableError(DependencyUnavailableError, code="replay_store_unavailable"):
    """It is not known whether the token was used before."""


class CodeStoreUnavailableError(DependencyUnavailableError, code="code_store_unavailable"):
    """It is not known what an authorization code stands for, or whether a token is revoked."""


class SigningUnavailableError(DependencyUnavailableError, code="signing_unavailable"):
    """The key that signs is elsewhere, for example in a KMS, and gives no signature now."""


class LogoutFailedError(DependencyUnavailableError, code="logout_failed"):
    """The application could not end the sessions that a logout token named (HTTP 400)."""
