"""Deleting an account, and all that belongs to it. Its subject is never used again."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from server1.account_changes import delete_account
from server1.audit import EndReason
from server1.signed_in import session_here, sign_out

from .forms import account_page, add_notice, authenticated, form_view

blueprint = Blueprint("account_deletion", __name__)
add_notice(blueprint, "/account/deleted", "deleted", "accounts/deleted.html")


@blueprint.route("/account/delete", methods=["GET", "POST"])
@form_view(account_page("accounts/delete.html"))
def delete() -> Response:
    """Delete the account, for the password."""
    with authenticated(session_here().user.email) as (connection, user):
        delete_account(connection, user)  # locks in an order of its own, and ends each session
        sign_out(connection, EndReason.ACCOUNT_DELETED)
    return redirect(url_for(".deleted"), 303)
