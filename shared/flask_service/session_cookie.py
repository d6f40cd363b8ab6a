"""The session cookie: signed, and read only when the browser sent exactly one of it."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Request, Response, g, session
from flask.sessions import SecureCookieSession, SessionInterface, SessionMixin
from itsdangerous import BadSignature, SignatureExpired, TimestampSigner

from flask_handoff import cookie_sent_once

AHEAD_AT_MOST = timedelta(seconds=60)  # by the clock of another machine of this server
WORTH_A_LINE = timedelta(seconds=1)  # clocks are compared by whole seconds

_ID = "id"
FORM_TOKEN = "form_token"  # noqa: S105 - a name in g, for the forms of this response
IN_EACH_COOKIE = frozenset({_ID, "csrf_token"})  # what one browser alone holds

_log = logging.getLogger(__name__)


class CookieSigner:
    """Turns what a session holds into signed text, and back.

    It does what Flask's does, with keys that are derived once, and neither compresses the content
    nor knows other types than JSON's. Another machine's clock may be ahead by a minute: the row of
    the session decides about its age anyway.

    Args:
        app: Its secret key signs; the older ones are still accepted.
    """

    def __init__(self, app: Flask) -> None:
        keys = [*(app.config["SECRET_KEY_FALLBACKS"] or ()), app.secret_key]
        self._signer = TimestampSigner(
            [hmac.digest(key.encode(), b"session cookie", "sha256") for key in keys],
            key_derivation="none",
            digest_method=hashlib.sha256,
        )
        self._max_age = int(app.permanent_session_lifetime.total_seconds())

    def dumps(self, content: dict[str, Any]) -> str:
        """Return the signed text."""
        return self._signer.sign(urlsafe_b64encode(json.dumps(content).encode())).decode()

    def loads(self, unverified_text: str) -> dict[str, Any]:
        """Return what was signed.

        Raises:
            BadSignature: It was not signed here, or longer ago than a session may live, or over a
                minute ahead; or it is of another form, signed before an update or after it.
        """
        try:
            signed = self._signer.unsign(unverified_text, max_age=self._max_age)
        except SignatureExpired as error:
            signed = self._signed_ahead(error)
        try:
            content = json.loads(urlsafe_b64decode(signed).decode())
        except ValueError as error:
            raise BadSignature("no JSON in base64") from error
        if type(content) is not dict:
            raise BadSignature("no object")
        return content

    def _signed_ahead(self, error: SignatureExpired) -> bytes:
        signed: bytes | None = error.payload
        if error.date_signed is None or signed is None:
            raise error
        ahead = (error.date_signed - datetime.now(UTC)).total_seconds()
        is_refused = not -self._max_age <= ahead <= AHEAD_AT_MOST.total_seconds()
        if ahead > WORTH_A_LINE.total_seconds():
            _log.warning(
                "a session cookie was signed %.0f s ahead of this clock%s: set the clocks by NTP",
                ahead,
                ", and is refused" if is_refused else "",
            )
        if is_refused:
            raise error
        return signed


class OutOfDateSession(SecureCookieSession):
    """Nobody's, in the place of one whose cookie is refused for its date alone."""


class SessionCookie(SessionInterface):
    """Reads and writes the session cookie of one application."""

    def __init__(self, app: Flask) -> None:
        self.signer = CookieSigner(app)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Read the cookie; nobody's session when there are two of it, or one under a like name."""
        try:
            unverified_text = cookie_sent_once(request, self.get_cookie_name(app))
            return SecureCookieSession(self.signer.loads(unverified_text))
        except SignatureExpired:
            return OutOfDateSession()
        except (LookupError, BadSignature):
            return SecureCookieSession()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie when something in it has changed."""
        if session.accessed:
            response.headers.add("Vary", "Cookie")
        if session.modified:
            response.set_cookie(
                self.get_cookie_name(app),
                self.signer.dumps(dict(session)),
                secure=self.get_cookie_secure(app),
                httponly=True,
                samesite=self.get_cookie_samesite(app),
                path="/",
            )


def init_app(app: Flask, *, name: str, https: bool, samesite: str = "Lax") -> None:
    """Give the application its session cookie.

    Args:
        app: The whole application.
        name: The cookie's name; over https ``__Host-`` stands before it.
        https: Whether browsers reach the application over https.
        samesite: ``Lax`` or ``Strict``.

    Source: RFC 6265bis, section 4.1.3.2 (the ``__Host-`` prefix).
    """
    app.session_interface = SessionCookie(app)
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


def forget_dead_session() -> None:
    """Replace a cookie that signs nobody in, for a page that says that somebody is signed out.

    It may do so again when a clock that is wrong is put right. Call it where nobody is signed in.
    """
    if held_session_id() is not None or isinstance(session, OutOfDateSession):
        replace_cookie()


def replace_cookie() -> None:
    """Give this browser a cookie without a session, and with a new CSRF token.

    Replaced and not deleted: Chromium keeps showing a protected page from its back/forward cache
    when a cookie merely goes away.
    """
    for token in ("csrf_token", FORM_TOKEN):  # the first is Flask-WTF's
        g.pop(token, None)
    session.clear()
    session["csrf_token"] = secrets.token_hex(20)  # which Flask-WTF signs into the next form
