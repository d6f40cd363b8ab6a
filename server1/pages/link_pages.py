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


def find_link(purpose: Purpose) -> Link:
    """Find the link of this request, and leave it as it is.

    Raises:
        LinkUnknownError, LinkExpiredError, LinkReplacedError: There is none that is valid; a
            page says so.
    """
    tokens = request.values.getlist("token")
    if len(tokens) != 1:
        raise LinkUnknownError
    with database().reading() as connection:
        return links.find(connection, tokens[0], purpose, clock.now())


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
