"""The cookie: Flask's own signed one, read only when the browser sent exactly one of it."""

from __future__ import annotations

import hashlib

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from .config import Config


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


def init_app(app: Flask, config: Config) -> None:
    """Give the application its session cookie.

    Source: RFC 6265bis, section 4.1.3.2 (the ``__Host-`` prefix).
    """
    app.session_interface = SessionCookie()
    app.config.update(
        SESSION_COOKIE_NAME="__Host-s1_session" if config.https else "s1_session",
        SESSION_COOKIE_SECURE=config.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_DOMAIN=None,
    )


def _is_sent_once(unverified_header: str, name: str) -> bool:
    # A neighbour host can plant a second cookie, also as "name =…", which Werkzeug trims to ours.
    names = [part.partition("=")[0].removeprefix(" ") for part in unverified_header.split(";")]
    return [each for each in names if each.strip() == name] == [name]
