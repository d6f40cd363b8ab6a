"""The session cookie: Flask's own signed one, read only when the browser sent exactly one of it."""

from __future__ import annotations

import hashlib
import secrets

from flask import Flask, Request, g, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

_ID = "id"


class SessionCookie(SecureCookieSessionInterface):
    """Reads and writes the session cookie."""

    digest_method = staticmethod(hashlib.sha256)
    _serializer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs: made once, since the keys stay as they are while the server runs."""
        self._serializer = self._serializer or super().get_signing_serializer(app)
        return self._serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the cookie; nobody's session when there are two of it, or one under a like name."""
        if _is_sent_once(request.headers.get("Cookie", ""), self.get_cookie_name(app)):
            return super().open_session(app, request)
        return self.session_class()


def init_app(app: Flask, *, name: str, https: bool, samesite: str = "Lax") -> None:
    """Give the application its session cookie.

    Args:
        app: The whole application.
        name: The cookie's name; over https ``__Host-`` stands before it.
        https: Whether browsers reach the application over https.
        samesite: ``Lax`` or ``Strict``.

    Source: RFC 6265bis, section 4.1.3.2 (the ``__Host-`` prefix).
    """
    app.session_interface = SessionCookie()
    app.config.update(
        SESSION_COOKIE_NAME=f"__Host-{name}" if https else name,
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE=samesite,
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_DOMAIN=None,
    )


def held_session_id() -> str | None:
    """Return the session id in this browser's cookie, unverified and perhaps dead; None without."""
    found = session.get(_ID)
    return found if isinstance(found, str) else None


def give_session_id(session_id: str) -> None:
    """Put a session id into this browser's cookie; what it held before is gone (fixation)."""
    replace_cookie()
    session[_ID] = session_id


def replace_cookie() -> None:
    """Give this browser a cookie without a session, and with a new CSRF token.

    Replaced and not deleted: Chromium keeps showing a protected page from its back/forward cache
    when a cookie merely goes away.
    """
    g.pop("csrf_token", None)  # Flask-WTF's, for the forms of this response
    session.clear()
    session["csrf_token"] = secrets.token_hex(20)  # which Flask-WTF signs into the next form


def _is_sent_once(unverified_header: str, name: str) -> bool:
    # A neighbour host can plant a second cookie, also as "name =…", which Werkzeug trims to ours.
    names = [part.partition("=")[0].removeprefix(" ") for part in unverified_header.split(";")]
    return [each for each in names if each.strip() == name] == [name]
