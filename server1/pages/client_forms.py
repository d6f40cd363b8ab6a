"""Pages whose forms lead to a client."""

from __future__ import annotations

from collections.abc import Sequence

from werkzeug.wrappers import Response

from flask_handoff import Client, LogoutRequest
from flask_service.security_headers import content_security_policy


def lead_to(client: Client | None, page: Response) -> Response:
    """Let the forms of a page lead to a client, and to no other.

    Chromium applies ``form-action`` to every redirect after a form, and the last leads there.
    """
    return _lead_to(() if client is None else client.redirect_origins, page)


def lead_back_to(logout: LogoutRequest | None, page: Response) -> Response:
    """Let the forms of a page lead to the client that asks for a logout, and to no other."""
    client = None if logout is None else logout.client
    return _lead_to(() if client is None else client.post_logout_origins, page)


def _lead_to(origins: Sequence[str], page: Response) -> Response:
    page.headers["Content-Security-Policy"] = content_security_policy("'self'", *origins)
    return page
