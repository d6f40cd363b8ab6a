"""The outbox as pages: the demo's mails, for people who try it. There are none elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from flask import Blueprint, Flask, abort, render_template

from server1 import clock
from server1.config import Config, config
from server1.mail.mailbox import Mailbox, MailUnknownError

MOST_SHOWN = 50  # mails

blueprint = Blueprint("outbox", __name__)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it is shown: of each paragraph also whether it is the address of a page here."""

    name: str
    subject: str
    sender: str
    recipient: str
    sent_at: datetime
    paragraphs: Sequence[tuple[str, bool]]


def init_app(app: Flask, config: Config) -> None:
    """Add the pages, in a demo whose mails become files; tell all templates whether there are."""
    app.jinja_env.globals["outbox_shown"] = config.shows_outbox
    if config.shows_outbox:
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


def _mailbox() -> Mailbox:
    return Mailbox(config().mail.outbox, clock.now)


def _find(unverified_name: str) -> Mail | None:
    try:
        return _read(unverified_name, _mailbox().read(unverified_name))
    except (LookupError, ValueError, AttributeError):
        return None  # gone meanwhile, or not written by us


def _read(name: str, message: EmailMessage) -> Mail:
    part, sent_at = message.get_body(("plain",)), message["Date"].datetime
    if part is None or sent_at is None:
        raise MailUnknownError
    text = "\n".join(part.get_content().splitlines())
    return Mail(
        name=name,
        subject=str(message["Subject"]),
        sender=str(message["From"]),
        recipient=str(message["To"]),
        sent_at=sent_at,
        paragraphs=[_paragraph(text) for text in text.strip().split("\n\n")],
    )


def _paragraph(text: str) -> tuple[str, bool]:
    page = rf"{re.escape(config().issuer)}/[A-Za-z0-9/?=_-]*"
    return " ".join(text.split()), re.fullmatch(page, text, re.ASCII) is not None
