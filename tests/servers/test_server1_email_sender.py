import json
import logging
from datetime import timedelta

import pytest
from sqlalchemy import delete

from flask_service.outbox.jobs import Outcome
from server1.accounts import users
from server1.accounts.email_addresses import EmailAddressError
from server1.accounts.mail_links import LinkReplacedError, Purpose
from server1.mail.errors import DeliveryError, OutOfReachError, RefusedError, UncertainError
from server1.mail.queue import EmailKind
from tests.servers.accounts_visitor import EMAIL
from tests.servers.mail_room import MailRoom, text_of, token_in

STRANGER = "nobody@example.com"
NEW_EMAIL = "ada@example.org"
LINKS = {
    EmailKind.VERIFY_EMAIL: Purpose.VERIFY_EMAIL,
    EmailKind.RESET_PASSWORD: Purpose.RESET_PASSWORD,
    EmailKind.CHANGE_EMAIL: Purpose.CHANGE_EMAIL,
}
FAILURES = [DeliveryError("later"), OutOfReachError("down"), RuntimeError("a fault of ours")]

HOSTILE_ADDRESSES = [
    "",
    "nobody",
    "a@x.example, e@y.example",
    "a@x.example,e@y.example",
    "a@x.example;e@y.example",
    "a@x.example e@y.example",
    "a@x.example\r\nBcc: e@y.example",
    "a@x.example\nBcc: e@y.example",
    "a@x.example%0d%0aBcc:e@y.example",
    "a@x.example\0",
    "Ada <a@x.example>",
    "<a@x.example>",
    "group: a@x.example, e@y.example;",
    '"a@x.example, e"@y.example',
    "a@x.example@y.example",
    "a@x.example>\r\nRCPT TO:<e@y.example",
    "a@[127.0.0.1]",
    "(e@y.example)a@x.example",
    "adé@example.com",
    "\u212aADA@EXAMPLE.COM",
    "ad\u0131@example.com",
    "ada@example.com\u2028x",
    "\ud800@example.com",
    "a" * 65 + "@x.example",
    "a@" + "x" * 320,
]


@pytest.fixture
def room(accounts_on, clock):
    return MailRoom(accounts_on, clock)


@pytest.fixture
def unverified(room):
    """The account of ada@example.com, whose address is not verified yet."""
    with room.database.writing() as connection:
        connection.execute(users.users.update().values(email_verified=False))
    return room.accounts.find()


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_an_email_has_one_address(accounts, clock, address):
    room = MailRoom(accounts, clock)
    with pytest.raises(EmailAddressError):
        room.enqueue(EmailKind.RESET_PASSWORD, address)
    assert room.waiting() == []


def test_the_outbox_holds_address_account_and_browser_alone(room):
    room.enqueue(EmailKind.VERIFY_EMAIL, subject="a-subject", browser_sha256="b" * 64)
    (job,) = room.waiting()
    assert (job.kind, job.topic) == ("email", "verify-email")
    assert json.loads(job.payload) == {
        "address": EMAIL,
        "subject": "a-subject",
        "browser_sha256": "b" * 64,
    }


def test_emails_that_wait_are_listed_with_their_address(room):
    room.enqueue(EmailKind.RESET_PASSWORD, STRANGER)
    _, row = room.accounts.run("outbox", "list").output.splitlines()
    assert row.split() == [
        *("1", "email", "reset-password", STRANGER, "2026-01-01", "12:00", "UTC", "0", "now", "-")
    ]


def test_emails_are_sent_by_command_and_skipped_ones_are_counted(room):
    room.enqueue(EmailKind.PASSWORD_CHANGED)
    room.enqueue(EmailKind.RESET_PASSWORD, STRANGER)
    answer = room.accounts.run("outbox", "send").stdout
    assert answer == "Sent: 1. Skipped: 1.\n"
    assert room.recipients() == [EMAIL]


def test_an_email_is_sent_once_and_is_gone(room):
    room.enqueue(EmailKind.PASSWORD_CHANGED)
    assert room.deliver() == {Outcome.SENT: 1}
    assert room.recipients() == [EMAIL]
    assert room.waiting() == []
    assert room.deliver() == {}


@pytest.mark.parametrize("kind", LINKS)
def test_the_link_in_an_email_is_good_for_what_it_says(room, unverified, kind):
    address = NEW_EMAIL if kind is EmailKind.CHANGE_EMAIL else EMAIL
    room.enqueue(kind, address, subject=unverified.subject, browser_sha256="b" * 64)
    room.deliver()
    (mail,) = room.box.mails
    link = room.find_link(token_in(mail), LINKS[kind])
    assert link.user == unverified
    assert link.address == address == str(mail["To"])
    assert link.browser_sha256 == "b" * 64


def test_the_life_of_a_link_begins_when_its_mail_is_sent(room, clock):
    room.enqueue(EmailKind.RESET_PASSWORD)
    clock.tick(hours=5)
    room.deliver()
    link = room.find_link(token_in(room.box.mails[0]), Purpose.RESET_PASSWORD)
    assert link.expires_at == clock() + timedelta(minutes=60)


def test_there_is_no_link_while_an_email_waits(room):
    room.enqueue(EmailKind.RESET_PASSWORD)
    assert room.link_rows() == []


def test_a_mail_goes_to_the_address_on_file_however_it_was_typed(room):
    room.enqueue(EmailKind.RESET_PASSWORD, EMAIL.upper())
    room.enqueue(EmailKind.ACCOUNT_EXISTS, EMAIL.title())
    room.deliver()
    assert room.recipients() == [EMAIL, EMAIL]


@pytest.mark.parametrize("kind", [*LINKS, EmailKind.ACCOUNT_EXISTS])
def test_nobody_is_written_to_where_there_is_no_account(room, kind):
    room.enqueue(kind, STRANGER)
    room.enqueue(kind, STRANGER, subject="a-subject-of-nobody")
    assert room.deliver() == {Outcome.SKIPPED: 2}
    assert room.recipients() == []
    assert room.waiting() == []


@pytest.mark.parametrize("kind", [*LINKS, EmailKind.ACCOUNT_EXISTS])
def test_nobody_is_written_to_about_a_disabled_account(room, unverified, kind):
    room.enqueue(kind)
    room.enqueue(kind, subject=unverified.subject)
    room.accounts.disable()
    assert room.deliver() == {Outcome.SKIPPED: 2}
    assert room.link_rows() == []


def test_a_verified_address_is_not_asked_about_again(room):
    room.enqueue(EmailKind.VERIFY_EMAIL)
    assert room.deliver() == {Outcome.SKIPPED: 1}


@pytest.mark.parametrize(
    "kind", [EmailKind.PASSWORD_CHANGED, EmailKind.EMAIL_CHANGED, EmailKind.ACCOUNT_DELETED]
)
def test_a_notice_goes_where_it_was_addressed_though_the_account_is_gone(room, kind):
    room.enqueue(kind, subject=room.accounts.find().subject)
    with room.database.writing() as connection:
        connection.execute(delete(users.users))
    room.deliver()
    assert room.recipients() == [EMAIL]


@pytest.mark.parametrize("trouble", FAILURES)
def test_an_email_that_did_not_leave_is_tried_again_later(room, clock, trouble):
    room.enqueue(EmailKind.PASSWORD_CHANGED)
    room.box.trouble = trouble
    room.deliver()
    (job,) = room.waiting()
    assert job.due_at == clock() + timedelta(minutes=1)
    assert job.leased_until is None
    room.box.trouble = None
    clock.tick(seconds=59)
    assert room.deliver() == {}
    clock.tick(seconds=1)
    assert room.deliver() == {Outcome.SENT: 1}


def test_why_an_email_waits_is_kept_in_our_own_words(room):
    room.enqueue(EmailKind.PASSWORD_CHANGED)
    room.enqueue(EmailKind.EMAIL_CHANGED)
    room.box.trouble = DeliveryError("the mail server does not take the mail yet (451)")
    room.deliver_one()
    room.box.trouble = ValueError("https://accounts.example.com/reset-password?token=secret")
    room.deliver_one()
    assert [job.last_error for job in room.waiting()] == [
        "the mail server does not take the mail yet (451)",
        "this server has failed (ValueError)",
    ]


@pytest.mark.parametrize("trouble", [*FAILURES, RefusedError("refused")])
def test_the_link_of_a_mail_that_did_not_leave_is_no_link(room, clock, trouble):
    room.enqueue(EmailKind.RESET_PASSWORD)
    room.deliver()
    earlier = token_in(room.box.mails[0])
    room.enqueue(EmailKind.RESET_PASSWORD)
    room.box.trouble = trouble
    room.deliver()
    assert len(room.link_rows()) == 1
    room.find_link(earlier, Purpose.RESET_PASSWORD)


def test_the_link_of_a_mail_that_may_have_arrived_is_good_until_the_next_one(room, clock):
    lost = Lost(room.box)
    room.enqueue(EmailKind.RESET_PASSWORD)
    room.box.deliver = lost.deliver
    room.deliver()
    token = token_in(lost.mail)
    room.find_link(token, Purpose.RESET_PASSWORD)
    del room.box.deliver
    clock.tick(minutes=1)
    room.deliver()
    with pytest.raises(LinkReplacedError):
        room.find_link(token, Purpose.RESET_PASSWORD)
    room.find_link(token_in(room.box.mails[0]), Purpose.RESET_PASSWORD)


class Lost:
    """Takes a mail and does not say so."""

    def __init__(self, box):
        self.box = box

    def deliver(self, message):
        self.mail = message
        raise UncertainError("the mail server did not acknowledge the mail")


def test_the_newest_of_two_mails_holds_the_link_that_is_good(room):
    room.enqueue(EmailKind.RESET_PASSWORD)
    room.enqueue(EmailKind.RESET_PASSWORD)
    room.deliver()
    first, second = map(token_in, room.box.mails)
    with pytest.raises(LinkReplacedError):
        room.find_link(first, Purpose.RESET_PASSWORD)
    room.find_link(second, Purpose.RESET_PASSWORD)


def test_a_refused_email_fails_at_once(room):
    room.enqueue(EmailKind.PASSWORD_CHANGED)
    room.box.trouble = RefusedError("the mail server refuses the address (550)")
    assert room.deliver() == {Outcome.FAILED: 1}
    (job,) = room.waiting()
    assert job.failed
    assert job.last_error == "the mail server refuses the address (550)"


def test_an_email_is_tried_for_three_days_less_and_less_often(room, clock):
    room.enqueue(EmailKind.PASSWORD_CHANGED)
    room.box.trouble = OutOfReachError("down")
    (asked,), delays = room.waiting(), []
    while not room.waiting()[0].failed:
        clock.now = max(clock.now, room.waiting()[0].due_at)
        room.deliver()
        delays.append(room.waiting()[0].due_at - clock())
    minutes = [delay / timedelta(minutes=1) for delay in delays[:11]]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert timedelta(days=3) <= clock() - asked.enqueued_at <= timedelta(days=3, hours=6)
    room.box.trouble = None
    assert room.deliver() == {}


def test_an_email_is_leased_for_two_minutes(room, clock):
    room.enqueue(EmailKind.PASSWORD_CHANGED)
    room.outbox.claim(room.kind)  # by a process that dies
    clock.tick(minutes=1, seconds=59)
    assert room.deliver() == {}
    clock.tick(seconds=1)
    assert room.deliver() == {Outcome.SENT: 1}


def test_when_no_mail_can_leave_the_others_are_not_tried(room, clock):
    for _ in range(5):
        room.enqueue(EmailKind.PASSWORD_CHANGED)
    room.box.trouble = OutOfReachError("down")
    assert room.deliver() == {Outcome.UNREACHABLE: 1}
    assert [job.attempts for job in room.waiting()] == [1, 0, 0, 0, 0]
    room.box.trouble = None
    clock.tick(minutes=1)
    assert room.deliver() == {Outcome.SENT: 5}


def test_no_transaction_is_open_while_a_mail_is_on_its_way(room):
    seen = []

    class Watcher:
        def deliver(self, message):
            with room.database.writing():  # refused where this thread has one open
                seen.append(message)

    room.box.deliver = Watcher().deliver
    room.enqueue(EmailKind.RESET_PASSWORD)
    assert room.deliver() == {Outcome.SENT: 1}
    assert len(seen) == 1


def test_a_link_is_good_before_its_mail_is_on_its_way(room):
    class Reader:
        def deliver(self, message):
            room.find_link(token_in(message), Purpose.RESET_PASSWORD)

    room.box.deliver = Reader().deliver
    room.enqueue(EmailKind.RESET_PASSWORD)
    assert room.deliver() == {Outcome.SENT: 1}


def test_an_account_deleted_while_its_mail_is_on_its_way_is_no_fault(room):
    class Closer:
        def deliver(self, message):
            with room.database.writing() as connection:
                connection.execute(delete(users.users))
            raise OutOfReachError("down")

    room.box.deliver = Closer().deliver
    room.enqueue(EmailKind.RESET_PASSWORD)
    room.deliver()
    del room.box.deliver
    room.clock.tick(minutes=1)
    assert room.deliver() == {Outcome.SKIPPED: 1}


def test_the_log_names_the_email_and_nobody_and_no_link(room, caplog):
    with caplog.at_level(logging.INFO):
        room.enqueue(EmailKind.RESET_PASSWORD)
        room.enqueue(EmailKind.RESET_PASSWORD, STRANGER)
        room.deliver()
        room.enqueue(EmailKind.RESET_PASSWORD)
        room.box.trouble = RefusedError("the mail server refuses the address (550)")
        room.deliver()
    lines = [record.getMessage() for record in caplog.records if "email" in record.getMessage()]
    assert lines == [
        "email 1 reset-password: sent",
        "email 2 reset-password: skipped",
        "email 3 reset-password: failed at attempt 1: the mail server refuses the address (550)",
    ]
    assert token_in(room.box.mails[0]) not in caplog.text
    assert "example.com" not in caplog.text


def test_a_mail_speaks_of_the_time_when_it_was_asked_for(room, clock):
    room.enqueue(EmailKind.RESET_PASSWORD)
    clock.tick(hours=2)
    room.deliver()
    text = " ".join(text_of(room.box.mails[0]).split())
    assert "That was on 1 January 2026, 12:00 UTC." in text
    assert "It works once, until 1 January 2026, 15:00 UTC:" in text
