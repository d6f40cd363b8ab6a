"""The issuer refuses a request for a handoff, or could not deliver a logout."""

from __future__ import annotations

from .tree import HandoffError


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
