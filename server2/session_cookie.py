"""The session's cookie: it holds a random id and the CSRF value, signed, and nothing else."""

from __future__ import annotations

import hashlib
import secrets

from flask import Flask, Request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from .config import Config

NAME = "s2_session"
CSRF_FIELD = "csrf_token"
_ID = "id"


class OneCookieInterface(SecureCookieSessionInterface):
    """Flask's signed cookie, read only where the browser sent exactly one of that name."""

    digest_method = staticmethod(hashlib.sha256)
    _serializer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return the signer, which is made once: no key changes while the server runs."""
        self._serializer = self._serializer or super().get_signing_serializer(app)
        return self._serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Open the session, or an empty one where it is not clear which cookie is ours."""
        if _is_ambiguous(request.headers.get("Cookie", ""), self.get_cookie_name(app)):
            return self.session_class()
        return super().open_session(app, request)


def init_app(app: Flask, config: Config) -> None:
    """Name and guard the cookie: over https only the ``__Host-`` one is read or written."""
    app.session_interface = OneCookieInterface()
    app.config.update(
        SESSION_COOKIE_NAME=f"__Host-{NAME}" if config.https else NAME,
        SESSION_COOKIE_SECURE=config.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE=config.session_samesite,
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_DOMAIN=None,
    )


def held_id() -> str | None:
    """Return the session id that this browser holds, which may be dead; None without one."""
    found = session.get(_ID)
    return found if isinstance(found, str) else None


def hold(session_id: str) -> None:
    """Give this browser a session id; whatever its cookie held before is gone (fixation)."""
    replace()
    session[_ID] = session_id


def replace() -> None:
    """Give this browser a cookie without a session, and with a new CSRF value.

    Replaced and not deleted: Chromium keeps showing a protected page from its back/forward cache
    when a cookie merely goes away.
    """
    session.clear()
    session[CSRF_FIELD] = secrets.token_urlsafe(32)


def _is_ambiguous(unverified_cookies: str, name: str) -> bool:
    # A neighbour can plant a second cookie, or one whose name ends in a space, which Werkzeug
    # takes for ours; which of them the browser sends first is the neighbour's choice.
    names = [pair.partition("=")[0] for pair in unverified_cookies.split(";")]
    ours = [each for each in names if each.strip() == name]
    return len(ours) > 1 or any(each.removeprefix(" ") != name for each in ours)
