"""The outbox as pages: the demo's mails, for people who try it. There are none elsewhere."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Flask, Response, abort, make_response, render_template

from server1 import clock
from server1.config import Config, config
from server1.mail.mailbox import Mailbox

MOST_SHOWN = 50  # mails
# A mail has its styles in its elements, and nothing that is loaded, run or sent.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
)

blueprint = Blueprint("outbox", __name__)


def init_app(app: Flask, config: Config) -> None:
    """Add the pages, in a demo whose mails become files; tell all templates whether there are."""
    shown = config.demo and config.mail.smtp is None
    app.jinja_env.globals["outbox_shown"] = shown
    if shown:
        app.register_blueprint(blueprint)


@blueprint.get("/outbox")
def outbox() -> str:
    """List the mails, the newest first."""
    names = _mailbox().names()
    found = [_find(name) for name in names[:MOST_SHOWN]]
    return render_template(
        "mail/outbox.html",
        mails=[mail for mail in found if mail is not None],
        older=len(names) - MOST_SHOWN,
    )


@blueprint.get("/outbox/<name>")
def mail(name: str) -> str:
    """Show a mail."""
    found = _find(name)
    if found is None:
        abort(404)
    return render_template("mail/mail.html", mail=found)


@blueprint.get("/outbox/<name>/html")
def html_part(name: str) -> Response:
    """Show the HTML part of a mail, as a mail program does."""
    try:
        part = _mailbox().read(name).get_body(("html",))
        page = make_response(part.get_content())  # type: ignore[union-attr]
    except (LookupError, ValueError, AttributeError):
        abort(404)  # removed meanwhile, or not written by us
    page.headers["Content-Security-Policy"] = MAIL_POLICY
    return page


def _mailbox() -> Mailbox:
    return Mailbox(config().mail.outbox, clock.now)


def _find(unverified_name: str) -> dict[str, Any] | None:
    """Return what is shown of a mail: of each paragraph also whether it is a page's address."""
    page = rf"{re.escape(config().issuer)}/[A-Za-z0-9/?=_-]*"
    try:
        message = _mailbox().read(unverified_name)
        sent_at = message["Date"].datetime
        text = "\n".join(message.get_body(("plain",)).get_content().splitlines())  # type: ignore[union-attr]
    except (LookupError, ValueError, AttributeError):
        return None  # removed meanwhile, or not written by us
    return sent_at and {
        "name": unverified_name,
        "subject": str(message["Subject"]),
        "sender": str(message["From"]),
        "recipient": str(message["To"]),
        "sent_at": sent_at,
        "paragraphs": [
            (" ".join(paragraph.split()), re.fullmatch(page, paragraph, re.ASCII) is not None)
            for paragraph in text.strip().split("\n\n")
        ],
    }
