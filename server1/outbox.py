"""What waits in SERVER1's outbox: e-mails, and services to be notified."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask

from flask_handoff import Client
from flask_handoff.claims import Clock
from flask_handoff.errors import ClientUnknownError
from flask_service.commands import outbox as outbox_commands
from flask_service.database import database_of
from flask_service.outbox import Outbox
from flask_service.outbox.job_rows import outbox_table

from . import revocation_notices
from .clients.registry import disabled_client
from .config import Config
from .db import metadata
from .handoff import handoff
from .logouts import logout_jobs
from .mail.delivery import make_delivery
from .mail.sender import email_jobs
from .revocation_notices import revocation_jobs

table = outbox_table(metadata)


def init_app(app: Flask, config: Config, clock: Clock) -> None:
    """Give the application its outbox, and the commands for it."""
    deliver = make_delivery(config.mail, urlsplit(config.issuer).hostname or "", clock)
    kinds = (
        email_jobs(deliver),
        logout_jobs(handoff, _client),
        revocation_jobs(handoff, _client),
    )
    revocation_notices.init_app(app, handoff.clients)
    Outbox(table, kinds, database_of(app), clock).init_app(app)
    outbox_commands.init_app(app)


def _client(client_id: str) -> Client:
    try:
        return handoff.client(client_id)
    except ClientUnknownError:
        return disabled_client(client_id)
