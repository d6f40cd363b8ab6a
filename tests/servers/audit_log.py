"""SERVER1's audit log as tests read it."""

import json
from contextlib import contextmanager

from sqlalchemy import select

from server1 import audit
from server1.audit import Event


@contextmanager
def writing(accounts):
    with accounts.app.app_context(), accounts.database.writing() as connection:
        yield connection


def record(accounts, event=Event.NAME_CHANGED, **about):
    with writing(accounts) as connection:
        audit.record(connection, event, **about)


def rows(accounts, *events):
    """Return the rows in their order, of all events or of some."""
    query = select(audit.audit).order_by(audit.audit.c.id)
    if events:
        query = query.where(audit.audit.c.event.in_(events))
    with accounts.database.reading() as connection:
        return connection.execute(query).all()


def lines(log):
    """Return what the audit log's lines say; each has to be one JSON object on one line."""
    written = [line.split(" server1.audit ", 1) for line in log.text.splitlines()]
    return [json.loads(line[1]) for line in written if len(line) == 2]


def texts(log):
    """Return the messages of the audit log as they were written."""
    return [record.getMessage() for record in log.records if record.name == "server1.audit"]
