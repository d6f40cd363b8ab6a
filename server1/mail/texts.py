"""What each e-mail says.

The words stand once, in ``templates/mail/emails``: a subject, then paragraphs. From them come a
text part and an HTML part that say the same, without pictures and without anything to load. No
e-mail repeats what a stranger typed, for example a name: they could write in our name.
"""

from __future__ import annotations

import secrets
import textwrap
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import urlsplit

from flask import render_template

from server1 import clock
from server1.config import config

from .queue import EmailKind

_WIDTH = 72  # characters
_LONGEST_LINE = 998  # RFC 5322, section 2.1.1


def write(
    kind: EmailKind,
    *,
    address: str,
    asked_at: datetime,
    link: str | None = None,
    link_expires_at: datetime | None = None,
) -> EmailMessage:
    """Write an e-mail.

    Args:
        address: To whom, one address.
        asked_at: When it was requested, or when the event happened that it reports.
        link: That it is about, where there is one, with the token.
        link_expires_at: When that link expires.

    Returns:
        A mail of two parts, with all that RFC 5322 asks for in its header.
    """
    settings = config()
    values = {
        "host": urlsplit(settings.issuer).netloc,
        "issuer": settings.issuer,
        "contact": settings.contact,
        "asked_at": _in_words(asked_at),
        "link": link,
        "link_ends_at": link_expires_at and _in_words(link_expires_at),
    }
    words = render_template(f"mail/emails/{kind}.txt", **values)
    subject, *paragraphs = words.strip().split("\n\n")
    paragraphs.append(
        f"This mail was sent by {values['host']}, because somebody used your e-mail address there. "
        f"If you have questions, contact {settings.contact}."
    )
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = settings.mail.sender
    message["To"] = Address(addr_spec=address)
    message["Subject"] = subject
    message["Date"] = clock.now()
    message["Message-ID"] = f"<{secrets.token_hex(16)}@{settings.mail.sender.domain}>"
    # RFC 3834, section 5: no machine is to answer this.
    message["Auto-Submitted"] = "auto-generated"
    text = "\n\n".join(_fill(paragraph) for paragraph in paragraphs)
    html = render_template("mail/email.html", subject=subject, paragraphs=paragraphs, **values)
    html = html.encode("ascii", "xmlcharrefreplace").decode()
    message.set_content(f"{text}\n", cte=_encoding(text))
    message.add_alternative(html, subtype="html", cte=_encoding(html))
    return message


def _fill(paragraph: str) -> str:
    # An address of a page stays in one piece, however long it is.
    return textwrap.fill(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _encoding(text: str) -> str:
    # Left to itself, the library breaks the link where a line is longer than 78 characters: whoever
    # takes it from the mail's source, as from a file of the outbox, has none then. In base64 nobody
    # takes it: the HTML part, ASCII always, has it whole.
    plain = text.isascii() and all(len(line) <= _LONGEST_LINE for line in text.splitlines())
    return "7bit" if plain else "base64"


def _in_words(moment: datetime) -> str:
    return f"{moment:%-d %B %Y, %H:%M} UTC"
