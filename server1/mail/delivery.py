"""How a mail leaves: one way in the demo, another in production, and what can come of it."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Protocol

from flask_handoff.claims import Clock
from server1.config.mail import MailConfig

from .mailbox import Mailbox
from .smtp import SMTPServer


class Delivery(Protocol):
    """A way for mails to leave."""

    def deliver(self, message: EmailMessage) -> None:
        """Send a mail to the one address in its ``To``, or raise.

        Raises:
            DeliveryError: It did not leave, or nobody knows whether it did.
        """


def make_delivery(config: MailConfig, host: str, clock: Clock) -> Delivery:
    """Return the way that the settings name.

    Args:
        config: The settings of mail.
        host: What this server is called.
        clock: Tells the time.
    """
    if config.smtp is None:
        return Mailbox(config.outbox, clock)
    return SMTPServer(config.smtp, host)
