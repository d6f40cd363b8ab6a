"""The pages that links in mails lead to: and the page for a link that is not valid."""

from __future__ import annotations

from flask import Flask, render_template, request

from flask_service.database import database
from server1 import clock
from server1.accounts import links
from server1.accounts.mail_links import (
    Link,
    LinkExpiredError,
    LinkReplacedError,
    LinkUnknownError,
    Purpose,
)
from server1.accounts.users import UserChangedError

_SHORTEST_TOKEN = 43  # characters


def unverified_token() -> str:
    """Return the token of this request: of a mailed link, or of the form of its page.

    A mailed link has it alone behind the question mark, where no mail program finds an ``=`` to
    write as ``%3D``. Click trackers add parameters that have values.

    Raises:
        LinkUnknownError: There is none, or more than one.
    """
    tokens = request.values.getlist("token")
    for name, value in request.args.items(multi=True):
        if not value and len(name) >= _SHORTEST_TOKEN:
            tokens.append(name.removeprefix("token="))  # which earlier versions mailed
    if len(tokens) != 1:
        raise LinkUnknownError
    return tokens[0]


def find_link(purpose: Purpose) -> Link:
    """Find the link of this request, and leave it as it is.

    Raises:
        LinkUnknownError, LinkExpiredError, LinkReplacedError: There is none that is valid; a
            page says so.
    """
    token = unverified_token()
    with database().reading() as connection:
        return links.find(connection, token, purpose, clock.now())


def init_app(app: Flask) -> None:
    """Have a page say what is wrong with a link, and what to do."""
    for kind in (LinkUnknownError, UserChangedError, LinkExpiredError, LinkReplacedError):
        app.register_error_handler(kind, _refused)


def _refused(error: Exception) -> tuple[str, int]:
    again = {"verification": "verification.again", "recovery": "recovery.forgot_password"}
    page = render_template(
        "accounts/link_refused.html",
        again=again.get(request.blueprint or ""),
        expired=isinstance(error, LinkExpiredError),
        newest_made_at=getattr(error, "newest_made_at", None),
    )
    return page, 404 if isinstance(error, LinkUnknownError | UserChangedError) else 410
