"""Pages whose forms lead to a client."""

from __future__ import annotations

from werkzeug.wrappers import Response

from flask_handoff import Client
from flask_service.security_headers import content_security_policy


def lead_to(client: Client | None, page: Response) -> Response:
    """Let the forms of a page lead to a client, and to no other.

    Chromium applies ``form-action`` to every redirect after a form, and the last leads there.
    """
    origins = () if client is None else client.redirect_origins
    page.headers["Content-Security-Policy"] = content_security_policy("'self'", *origins)
    return page
