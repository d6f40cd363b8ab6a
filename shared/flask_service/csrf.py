"""Cross-site request forgery: a form counts only when it was sent from a page of this site."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Protocol
from urllib.parse import urlsplit

from flask import Flask, Request, g
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from werkzeug.exceptions import BadRequest, Forbidden, UnsupportedMediaType
from werkzeug.wrappers import Response
from wtforms import ValidationError

from .current import this_request
from .session_cookie import FORM_TOKEN

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", ""})
_OUR_SITES = frozenset({"same-origin", "none"})  # none: typed, or taken from a bookmark

_MARK = "~"  # between the session's token and the page's mark


class Repeats(Protocol):
    """Answers forms that were sent before; see ``repeated_forms``."""

    def answer_old_form(self) -> Response | None:
        """Answer one whose token is not this session's; None where there is nothing to repeat."""

    def answer_repeat(self) -> Response | None:
        """Answer one whose token is this session's; None where it was not sent before."""


def init_app(
    app: Flask, *, base_url: str, exempt: Collection[str], repeats: Repeats | None = None
) -> None:
    """Check every request of *app* that may change something.

    Args:
        app: The whole application.
        base_url: Scheme, host and port under which browsers know the application.
        exempt: The blueprints whose requests anybody may send, from any site: what lets them in is
            no cookie.
        repeats: Answers what is sent twice; None: it is handled twice.
    """
    origin = _origin(base_url)
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # a token lives as long as the cookie it belongs to
    # The last one signs; a form that was open when the key was replaced is still taken.
    app.config["WTF_CSRF_SECRET_KEY"] = [
        *(app.config["SECRET_KEY_FALLBACKS"] or ()),
        app.secret_key,
    ]
    app.context_processor(lambda: {"csrf_token": form_token})

    @app.before_request
    def check_sender() -> Response | None:
        request = this_request()
        if request.method in _SAFE_METHODS:
            return None
        if request.endpoint is None or request.blueprint in exempt:
            return None
        # The CSRF token alone would do; this also stops a page that has learnt one.
        if (
            not _is_from(origin, request)
            or request.headers.get("Sec-Fetch-Site", "none") not in _OUR_SITES
        ):
            raise Forbidden
        if request.mimetype not in _FORM_TYPES:
            raise UnsupportedMediaType
        if None in request.form:  # a multipart field without a name: it sorts with no other
            raise BadRequest
        token, mark, _of_this_page = request.form.get("csrf_token", "").partition(_MARK)
        answered = repeats if mark else None
        try:
            validate_csrf(token)
        except ValidationError as error:
            answer = answered.answer_old_form() if answered else None
            if answer is None:
                raise CSRFError(error.args[0]) from None
            return answer
        return answered.answer_repeat() if answered else None


def form_token() -> str:
    """Return the CSRF token of a page's forms: the session's, and a mark that no other page has."""
    token: str | None = g.get(FORM_TOKEN)
    if token is None:
        token = f"{generate_csrf()}{_MARK}{os.urandom(16).hex()}"
        setattr(g, FORM_TOKEN, token)
    return token


def _is_from(origin: str, request: Request) -> bool:
    # Without a referrer browsers write null, which tells nothing (Fetch, "append a request Origin
    # header"): then, as where nothing is sent, the form's token decides alone.
    sender = request.headers.get("Origin", "null")
    if sender != "null":
        return sender == origin
    return f"{request.headers.get('Referer', origin)}/".startswith(f"{origin}/")


def _origin(base_url: str) -> str:
    # As browsers write it: small letters, and no port where it is the scheme's own.
    parts = urlsplit(base_url)
    port = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(port)}"
