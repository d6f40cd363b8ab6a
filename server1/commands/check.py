"""What ``flask --app server1 handoff-check`` looks at beside the handoff: mail, and demo mode."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask

from flask_handoff import ConfigurationError, add_check, shown
from server1.config import Config
from server1.mail.errors import OutOfReachError

DEADLINE = timedelta(seconds=10)  # for the mail server; a mail may take longer


def init_app(app: Flask, config: Config) -> None:
    """Add the checks of this server's own."""
    add_check(app, "mail", lambda: _check_mail(config))
    if config.demo:
        add_check(app, "demo mode", _warn_of_demo)


def _check_mail(config: Config) -> str:
    smtp, outbox = config.mail.smtp, config.mail.outbox
    if smtp is not None:
        from server1.mail.smtp import SMTPServer

        try:
            SMTPServer(smtp, urlsplit(config.issuer).hostname or "", DEADLINE).check()
        except OutOfReachError as error:
            raise ConfigurationError(
                f"No mail can be sent by {smtp.host}, port {smtp.port}: {error}.",
                "Compare the SERVER1_SMTP_… settings with what the mail server's operator says.",
            ) from error
        return f"{smtp.host}, port {smtp.port}, takes mails; none was sent."
    if not config.demo:
        raise UserWarning(
            f"SERVER1_SMTP_HOST is not set: mails become files in {shown(outbox)}, and nobody gets "
            "the links in them."
        )
    return "Mails are shown at /outbox, in place of being sent."


def _warn_of_demo() -> None:
    raise UserWarning(
        "SERVER1_DEMO is on: whoever reaches this server sees the demo account's password and all "
        "mails. Leave it out where others do."
    )
