"""How a mail leaves: into a file in the demo, to a mail server in production."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage

from flask_handoff.claims import Clock
from server1.config.mail import MailConfig

from .mailbox import Mailbox

Deliver = Callable[[EmailMessage], None]
"""Sends a mail to the one address in its ``To``, or raises ``DeliveryError``."""


def make_delivery(config: MailConfig, host: str, clock: Clock) -> Deliver:
    """Return the delivery that the settings name; *host* is what this server is called."""
    if config.smtp is None:
        return Mailbox(config.outbox, clock).deliver
    from .smtp import SMTPServer  # the demo has no mail server

    return SMTPServer(config.smtp, host).deliver
