"""The page of the account that somebody wanted who had to sign in first."""

from __future__ import annotations

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from server1.signed_in import NotSignedInError

_PAGES = (
    "account.account",
    "profile.name",
    "profile.password",
    "profile.email",
    "account_deletion.delete",
)


def lead_to_sign_in(_error: NotSignedInError) -> Response:
    """Lead to the sign-in page, and from there back to the page that was wanted."""
    page = request.endpoint if request.endpoint in _PAGES else "account.account"
    return redirect(url_for("login.login", next=url_for(page)), 303)


def next_page() -> str | None:
    """Return the page of the account that this sign-in leads to; no other address counts."""
    unverified_path = request.values.get("next")
    return unverified_path if unverified_path in [url_for(page) for page in _PAGES] else None
