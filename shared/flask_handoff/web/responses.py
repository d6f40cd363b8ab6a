"""The responses that both sides give: error pages, and the page that posts fields on."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from flask import render_template
from markupsafe import Markup
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

from flask_handoff.addresses import source_of

from .current import this_app, this_request
from .request_guards import request_id

TEMPLATES = Path(__file__).parent / "templates"
"""The folder of the templates, for the extensions' blueprints."""

# In the page itself: a script that posts on would wait for a style sheet, and one request is less
# for the application to answer. Its hash lets this style alone in (CSP Level 3, section 2.3.1).
_STYLE = Markup((TEMPLATES / "handoff/style.css").read_text("utf-8"))  # noqa: S704
_STYLE_SOURCE = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"

PAGE_POLICY = (
    f"default-src 'none'; style-src 'self' {_STYLE_SOURCE}; img-src 'self'; script-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""The Content-Security-Policy of an ordinary page."""

_FIRST_ERROR, _FIRST_FAULT = 400, 500  # statuses: the request's, and ours
_encode_json = json.JSONEncoder(separators=(",", ":")).encode
# Names in small letters.
_PUBLIC = {"x-content-type-options": "nosniff"}
_PRIVATE = {"cache-control": "no-store", "referrer-policy": "no-referrer", **_PUBLIC}


def see_other(url: str) -> Response:
    """Lead the browser to *url*, with no page on the way, which would repeat a token.

    303 and never 307, which would post a password on.

    Sources: RFC 9110, section 15.4.4; RFC 9700, section 4.12.
    """
    response: Response = this_app().response_class(status=303)
    response.headers.add("Location", url)
    response.headers.add("Content-Length", "0")
    return response


def json_response(members: Mapping[str, object], status: int = 200) -> Response:
    """Return a response in JSON, of these members in this order.

    Programs read it by a standard: the application's own way to write JSON has no part in it.
    """
    text = _encode_json(members)
    return this_app().response_class(text, status, content_type="application/json")


def error_page(
    template: str,
    status: int,
    *,
    title: str,
    sentence: str,
    again_url: str | None = None,
    again_label: str | None = None,
) -> Response:
    """Render an error page: what happened, what to do next, and the request's identifier.

    Nothing that came with the request is on it. The application may override the template.
    """
    page = render_template(
        template,
        status=status,
        title=title,
        sentence=sentence,
        again_url=again_url,
        again_label=again_label,
        home_url=f"{this_request().root_path}/",
        request_id=request_id(),
        style=_STYLE,
    )
    return _page(page, status, PAGE_POLICY)


def unavailable_page(
    sentence: str,
    *,
    title: str = "Signing in is not possible right now",
    again_url: str | None = None,
    again_label: str | None = None,
) -> Response:
    """Render the page for when something needed is out of reach (HTTP 503)."""
    response = error_page(
        "handoff/unavailable.html",
        503,
        title=title,
        sentence=sentence,
        again_url=again_url,
        again_label=again_label,
    )
    response.headers["Retry-After"] = "5"  # seconds
    return response


def post_page(action: str, fields: Mapping[str, str]) -> Response:
    """Render a page that posts *fields* to *action* by itself, or by its button.

    The button is always there: the application may add a policy that stops the script.

    The action is an absolute URL, or a path of this site.

    Source: OAuth 2.0 Form Post Response Mode, section 2.
    """
    nonce = secrets.token_urlsafe(16)
    origin = "'self'" if action.startswith("/") else source_of(action)
    policy = (
        f"default-src 'none'; style-src {_STYLE_SOURCE}; script-src 'nonce-{nonce}'; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action {origin}"
    )
    page = render_template(
        "handoff/post.html", action=action, fields=fields, nonce=nonce, style=_STYLE
    )
    return _page(page, 200, policy)


def landing_page(target: str) -> Response:
    """Render a page that leads to *target* by itself, an address of this site.

    A redirect chain ends here. Chromium holds form-action of a page that posts against the whole
    chain behind it; and a SameSite=Strict cookie is not sent along one that began on another site.
    """
    policy = (
        f"default-src 'none'; style-src {_STYLE_SOURCE}; base-uri 'none'; frame-ancestors 'none'"
    )
    page = render_template("handoff/landing.html", target=target, style=_STYLE)
    return _page(page, 200, policy)


def make_private(response: Response) -> Response:
    """Keep a response out of caches and ``Referer``: it carries a token, or the way to one.

    What is ``public`` says so by itself. For a blueprint's ``after_request``.

    Sources: RFC 9111, section 5.2.2.5; RFC 9700, section 4.2.4.
    """
    headers = response.headers
    there = {name.lower(): value for name, value in headers}
    is_public = there.get("cache-control", "").startswith("public")
    for name, value in (_PUBLIC if is_public else _PRIVATE).items():
        if name in there:
            headers.set(name, value)
        else:
            headers.add(name, value)
    return response


def refuse_head(*endpoints: str) -> Callable[[], None]:
    """Make a guard that answers HEAD with 405 on these endpoints.

    Flask runs the view of a GET for HEAD as well; a link scanner's HEAD must spend nothing.

    Source: RFC 9110, section 9.3.2.
    """

    def check_method() -> None:
        request = this_request()
        if request.method == "HEAD" and request.endpoint in endpoints:
            raise MethodNotAllowed(valid_methods=["GET", "POST"])

    return check_method


def errors_in_json(*endpoints: str) -> Callable[[Response], Response]:
    """Make an ``after_request`` that tells programs in JSON what the application tells in a page.

    A body that is too large, or another host, is refused before the endpoint runs. A program reads
    ``error``, and cannot read a page.

    Source: RFC 6749, section 5.2.
    """

    def tell(response: Response) -> Response:
        status = response.status_code
        is_page = status >= _FIRST_ERROR and not response.is_json
        if is_page and this_request().endpoint in endpoints:
            phrase = HTTP_STATUS_CODES.get(status, "Refused")
            told = json_response(
                {
                    "error": "invalid_request" if status < _FIRST_FAULT else "server_error",
                    "error_description": f"{phrase}. In the log of this server: {request_id()}",
                }
            )
            response.data, response.content_type = told.data, told.content_type
        return response

    return tell


def _page(page: str, status: int, policy: str) -> Response:
    response = this_app().response_class(page, status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = policy
    return response
