"""The life of an account, as the audit log tells it."""

import re

import pytest

from server1.accounts import links
from server1.accounts.mail_links import Purpose
from server1.audit import Event
from server1.mail.errors import OutOfReachError
from server1.mail.queue import EmailKind
from tests.documents import CHECKOUT
from tests.servers.accounts_visitor import Visitor
from tests.servers.audit_log import lines, rows, writing
from tests.servers.mail_room import MailRoom

EMAIL, NEW_EMAIL = "bob@example.com", "robert@example.com"
PASSWORDS = ["one horse and 7 staples", "two horses and 8 staples", "three horses, 9 staples"]


def sign_up(visitor):
    fields = {"email": EMAIL, "name": "Bob", "password": PASSWORDS[0]}
    visitor.submit("/signup", fields, page="/signup")


def open_mail(visitor, purpose, email=EMAIL, address=None, **fields):
    """Open the link of a mail, and send the form that it leads to."""
    accounts = visitor.accounts
    user = accounts.find(email)
    with writing(accounts) as connection:
        token = links.make(
            connection,
            purpose=purpose,
            user=user,
            address=address or email,
            browser_sha256=None,
            now=accounts.clock(),
        )
    return visitor.submit(f"/{purpose}", fields, page=f"/{purpose}?token={token}")


@pytest.fixture
def visitor(accounts_on):
    return Visitor(accounts_on, "203.0.113.7")


def test_each_step_of_an_account_is_recorded_once(accounts_on, visitor, log):
    other = Visitor(accounts_on)
    sign_up(visitor)
    subject = accounts_on.find(EMAIL).subject
    begin = rows(accounts_on)[-1].id - 1
    visitor.submit("/verify-email/again", {"email": EMAIL}, page="/verify-email/again")
    open_mail(visitor, Purpose.VERIFY_EMAIL, password=PASSWORDS[0])
    visitor.authorize()
    other.sign_in(EMAIL, PASSWORDS[0])
    visitor.submit("/account/name", {"name": "Robert"}, page="/account/name")
    change = {"password": PASSWORDS[0], "new_password": PASSWORDS[1]}
    visitor.submit("/account/password", change, page="/account/password")
    change = {"password": PASSWORDS[1], "email": NEW_EMAIL}
    visitor.submit("/account/email", change, page="/account/email")
    open_mail(visitor, Purpose.CHANGE_EMAIL, address=NEW_EMAIL)
    visitor.submit("/forgot-password", {"email": NEW_EMAIL}, page="/forgot-password")
    open_mail(visitor, Purpose.RESET_PASSWORD, NEW_EMAIL, password=PASSWORDS[2])
    visitor.sign_in(NEW_EMAIL, PASSWORDS[2])
    visitor.submit("/account/delete", {"password": PASSWORDS[2]}, page="/account/delete")
    told = [(row.event, row.subject) for row in rows(accounts_on) if row.id > begin]
    assert told == [
        ("signed_up", subject),
        ("verification_requested", None),  # whether there is such an account is decided later
        ("email_verified", subject),
        ("signed_in", subject),
        ("handoff_issued", subject),
        ("signed_in", subject),
        ("name_changed", subject),
        ("session_ended", subject),
        ("client_session_ended", subject),
        ("password_changed", subject),
        ("email_change_requested", subject),
        ("email_changed", subject),
        ("reset_requested", None),
        ("session_ended", subject),
        ("password_reset", subject),
        ("signed_in", subject),
        ("session_ended", subject),
        ("account_deleted", subject),
    ]
    assert [(line["event"], line["account"]) for line in lines(log)] == told
    assert not any(secret in log.text for secret in (*PASSWORDS, EMAIL, NEW_EMAIL))


def test_a_link_is_recorded_with_its_account_when_its_mail_has_left(accounts_on, clock):
    mail_room = MailRoom(accounts_on, clock)
    mail_room.box.trouble = OutOfReachError("no answer")
    for email in ("ada@example.com", "nobody@example.com"):
        mail_room.enqueue(EmailKind.RESET_PASSWORD, email)
    mail_room.deliver()
    assert rows(accounts_on, Event.LINK_MAILED) == []
    mail_room.box.trouble = None
    clock.tick(hours=1)
    mail_room.deliver()
    (row,) = rows(accounts_on, Event.LINK_MAILED)
    assert row.subject == accounts_on.find("ada@example.com").subject
    assert (row.address, row.detail) == ("this server", "reset-password")


def test_every_event_is_recorded_somewhere():
    sources = (CHECKOUT / "server1").rglob("*.py")
    used = {
        name
        for source in sources
        if source.name != "audit_command.py"
        for name in re.findall(r"\bEvent\.([A-Z_]+)\b", source.read_text())
    }
    assert used == set(Event.__members__)
