"""The mail of SERVER1 in tests: what waits, and a way out that does as it is told."""

import re

from sqlalchemy import select

from flask_service.outbox import outbox_of
from server1.accounts import links
from server1.accounts.mail_links import mail_links
from server1.mail import queue
from server1.mail.sender import email_jobs
from tests.servers.accounts_visitor import EMAIL


class Postbox:
    """Keeps the mails that leave; raises *trouble* instead where that is set."""

    def __init__(self):
        self.mails = []
        self.trouble = None

    def deliver(self, message):
        if self.trouble is not None:
            raise self.trouble
        self.mails.append(message)


class MailRoom:
    """The e-mails of an application: those that wait, and those that were sent."""

    def __init__(self, accounts, clock, box=None):
        self.accounts = accounts
        self.clock = clock
        self.box = box or Postbox()
        self.database = accounts.database
        self.outbox = outbox_of(accounts.app)
        self.kind = email_jobs(lambda mail: self.box.deliver(mail))
        self.outbox.kinds["email"] = self.kind

    def enqueue(self, kind, address=EMAIL, **about):
        with self.accounts.app.app_context(), self.database.writing() as connection:
            queue.enqueue(connection, kind, address=address, **about)

    def deliver(self):
        with self.accounts.app.app_context():
            return self.outbox.process_due(self.kind)

    def deliver_one(self):
        with self.accounts.app.app_context():
            return self.outbox.process_one(self.kind)

    def waiting(self):
        with self.database.reading() as connection:
            return self.outbox.jobs(connection)

    def link_rows(self):
        with self.database.reading() as connection:
            return connection.execute(select(mail_links)).mappings().all()

    def find_link(self, token, purpose):
        with self.database.reading() as connection:
            return links.find(connection, token, purpose, self.clock())

    def recipients(self):
        return [str(mail["To"]) for mail in self.box.mails]


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


def token_in(mail):
    return re.search(r"\?([A-Za-z0-9_-]{43})\s", text_of(mail))[1]
