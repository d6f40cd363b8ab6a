"""The tables of SERVER2, each defined in the module that is about it; the time for their rows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import MetaData

from flask_handoff.claims import Clock
from flask_handoff.stores.sql import logout_table, replay_table, revocation_table
from flask_service.current import this_app
from flask_service.database.schema import Schema
from flask_service.repeated_forms import sent_forms_table

metadata = MetaData()
replay_table(metadata)
logout_table(metadata)
REVOCATIONS = revocation_table(metadata)
SENT_FORMS = sent_forms_table(metadata)
SCHEMA = Schema(metadata, Path(__file__).with_name("migrations"), "server2")


def current_time() -> datetime:
    """Tell the time, by the clock of the current application."""
    clock: Clock = this_app().extensions["clock"]
    return clock()
