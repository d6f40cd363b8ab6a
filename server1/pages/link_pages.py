"""The pages that links in mails lead to: what is said of a link that is not good."""

from __future__ import annotations

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

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
        LinkUnknownError, LinkExpiredError, LinkReplacedError: There is none that is good; the
            pages of ``add_link_errors`` say so.
    """
    tokens = request.values.getlist("token")
    if len(tokens) != 1:
        raise LinkUnknownError
    with database().reading() as connection:
        return links.find(connection, tokens[0], purpose, clock.now())


def add_link_errors(blueprint: Blueprint) -> None:
    """Have a blueprint say what is wrong with a link, and what to do."""
    for error in (LinkUnknownError, UserChangedError):
        blueprint.register_error_handler(error, _unknown)
    blueprint.register_error_handler(LinkExpiredError, _expired)
    blueprint.register_error_handler(LinkReplacedError, _replaced)


def _unknown(_error: Exception) -> Response:
    return _page(404)


def _expired(_error: Exception) -> Response:
    return _page(410, expired=True)


def _replaced(error: LinkReplacedError) -> Response:
    return _page(410, newest_made_at=error.newest_made_at)


def _page(status: int, **context: object) -> Response:
    again = {"verification": "verification.again", "recovery": "recovery.forgot_password"}
    page = render_template(
        "accounts/link_refused.html", again=again.get(request.blueprint or ""), **context
    )
    return make_response(page, status)
