"""What the application's own pages ask the issuer: for signing in, for consent, for signing out."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from flask_handoff.errors import (
    AccessDeniedError,
    AuthorizationExpiredError,
    AuthorizationRequestError,
)

from .authorization import AuthorizationRequest
from .authorization_endpoint import carried_request, carried_value, resume_url
from .authorization_response import return_error
from .clients import Client
from .context import issuer_context
from .end_session import after_logout, pending_logout
from .logout_request import LogoutRequest
from .request_carrier import Destination


class PagesOfIssuer:
    """The methods of ``HandoffIssuer`` for the pages that a carried request passes through."""

    def pending_request(self) -> AuthorizationRequest | None:
        """Return what a client asks for, on the page for signing in or for consent; else None."""
        try:
            return carried_request(request.values.to_dict(flat=False))
        except AuthorizationRequestError:
            return None

    def pending_client(self) -> Client | None:
        """Return the client that the user is about to enter, on the sign-in page; else None."""
        pending = self.pending_request()
        return None if pending is None else pending.client

    def destination(self) -> Destination | None:
        """Return where the user was going, on a page that keeps ``continue``; else None.

        That is a client and a target, as ``continue_url`` takes them; the target is None where the
        client did not name one. A request that is too old to be answered counts as well:
        ``continue_url`` begins a new one, in any browser.
        """
        try:
            carried = carried_value(request.values.to_dict(flat=False))
        except AuthorizationExpiredError:
            return None
        issuer = issuer_context()
        return issuer.carrier.destination(carried, issuer.clock()) if carried else None

    def login_hint(self) -> str | None:
        """Return what the client suggests to fill the sign-in page with, not verified."""
        pending = self.pending_request()
        return None if pending is None else pending.login_hint

    def after_sign_in(self, default: str) -> str:
        """Return where to redirect to, with status 303, when the user has signed in, or agreed.

        That is *default* when no handoff is waiting.
        """
        try:
            carried = carried_value(request.values.to_dict(flat=False))
        except AuthorizationExpiredError:
            return default
        return resume_url(carried) if carried else default

    def deny(self) -> Response:
        """Tell the client that the user does not agree, from the page that asks for consent.

        Raises:
            AuthorizationRequestError: No request is waiting any more; a page says so.

        Source: OpenID Connect Core 1.0, section 3.1.2.6.
        """
        pending = carried_request(request.values.to_dict(flat=False))
        error = AccessDeniedError("the user does not agree")
        return return_error(pending.address, error)

    def pending_logout(self) -> LogoutRequest | None:
        """Return the logout that a client asks for, on the page for signing out; else None.

        Raises:
            DependencyUnavailableError: The clients are out of reach.
        """
        pending = pending_logout(request.values.to_dict(flat=False))
        return None if pending is None else pending[0]

    def after_logout(self, default: str) -> str:
        """Return where to redirect to, with status 303, when the user has signed out.

        That is *default* where no client waits for them. Chromium applies ``form-action`` to it:
        add ``post_logout_origins`` of the client to that of the page that asks.

        Raises:
            DependencyUnavailableError: The clients are out of reach.
        """
        pending = pending_logout(request.values.to_dict(flat=False))
        return default if pending is None else after_logout(*pending, default=default)
