"""SERVER1 refuses a request for a handoff, a code or a logout, or could not deliver a logout."""

from __future__ import annotations

from .root import HandoffError


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
    """The request waited too long for its user to sign in, or was not carried by us.

    ``content`` is what was carried, where it was signed here and is only old.
    """

    content: object = None


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


class InteractionRequiredError(AccessDeniedError, code="interaction_required"):
    """This user may enter that client once they have done something, on a page of SERVER1.

    The authorization endpoint leads there, with the request in the field ``continue``. Everywhere
    else, and with ``prompt=none``, it is a denial.

    Args:
        endpoint: The Flask endpoint of that page. It leads to ``after_sign_in`` when this is done.
        message: Why, for SERVER1's log; the client is told only the code.
    """

    def __init__(self, endpoint: str, message: str = "the user has to do something first") -> None:
        super().__init__(message)
        self.endpoint = endpoint
        self.error = "interaction_required"  # OpenID Connect Core 1.0, section 3.1.2.6


class InvalidTargetError(AuthorizationReturnedError, code="invalid_target"):
    """An access token would be for no service that is registered, or for several."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error="invalid_target")


class LogoutRequestError(HandoffError, code="logout_request"):
    """SERVER1 refuses a client's request to sign its user out, with a page (HTTP 400)."""


class LogoutNotDeliveredError(HandoffError, code="logout_not_delivered"):
    """A client could not be notified of ended sessions, or did not say that it ended them."""


class RevocationNotDeliveredError(HandoffError, code="revocation_not_delivered"):
    """A client could not be notified of dead access tokens, or did not say that it noted them."""
