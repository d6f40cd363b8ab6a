"""What operators owe people: their data, another address, to be forgotten."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import inspect, select

from server1.accounts import users
from server1.accounts.mail_links import Purpose
from server1.accounts.sessions import sessions
from server1.audit import Event
from server1.db import metadata
from server1.mail.errors import DeliveryError
from server1.mail.queue import EmailKind
from tests.servers.accounts_visitor import EMAIL, Visitor, assert_waits
from tests.servers.audit_log import rows
from tests.servers.mail_room import MailRoom

MOVED = "Ada.Lovelace@example.com"


@pytest.fixture
def mail_room(accounts_on, clock):
    return MailRoom(accounts_on, clock)


@pytest.fixture
def ada(accounts_on):
    visitor = Visitor(accounts_on, "203.0.113.7")
    visitor.sign_in(headers={"User-Agent": "Firefox/153.0"})
    visitor.authorize()
    return visitor


def dump(accounts):
    """Return all that the database holds, as text."""
    with accounts.database.reading() as connection:
        tables = inspect(connection).get_table_names()
        held = [connection.exec_driver_sql(f"SELECT * FROM {each}").all() for each in tables]  # noqa: S608 - its own names
    return str(held).lower()


def test_the_export_holds_what_is_known_and_no_secret(accounts_on, ada, mail_room):
    mail_room.enqueue(EmailKind.RESET_PASSWORD)
    mail_room.deliver()
    mail_room.enqueue(EmailKind.RESET_PASSWORD, address=EMAIL.upper())
    accounts_on.run("grants", "set", EMAIL, "server2", "notes:read", "email")
    ada.authorize()
    accounts_on.create("bob@example.com")
    text = accounts_on.run("users", "export", EMAIL).output
    held = json.loads(text)
    (user,), (session,) = held["users"], held["sessions"]
    (waiting,) = [each for each in held["outbox"] if each["kind"] == "email"]
    assert (user["email"], user["name"]) == (EMAIL, "Ada")
    assert (session["address"], session["user_agent"]) == ("203.0.113.7", "Firefox/153.0")
    assert [each["client_id"] for each in held["client_sessions"]] == ["server2"]
    assert [each["network"] for each in held["known_addresses"]] == ["203.0.113.7"]
    assert (waiting["topic"], waiting["address"]) == ("reset-password", EMAIL.upper())
    assert held["grants"][0]["client_id"] == "server2"
    assert {"signed_in", "handoff_issued"} <= {each["event"] for each in held["audit"]}
    assert [each["purpose"] for each in held["mail_links"]] == [Purpose.RESET_PASSWORD]
    for secret in (accounts_on.user_row().password_hash, "argon2", "_sha256", "bob@"):
        assert secret not in text


def test_no_table_about_people_is_left_out_of_the_export(accounts):
    held = json.loads(accounts.run("users", "export", EMAIL).output)
    about = {table.name for table in metadata.sorted_tables if "subject" in table.c}
    assert held.keys() == about | {"client_sessions", "outbox"}


def test_an_account_gets_another_address(accounts_on, ada, mail_room):
    done = accounts_on.run("users", "set-email", EMAIL, MOVED)
    assert done.output == f"The account of {EMAIL} has the address {MOVED}.\n"
    assert accounts_on.find(MOVED).email_verified
    assert ada.is_signed_in
    mail_room.deliver()
    assert mail_room.recipients() == [EMAIL]
    assert rows(accounts_on, Event.EMAIL_CHANGED)[0].address == "command line"
    assert rows(accounts_on, Event.CLIENT_SESSION_ENDED)[0].reason == "email_changed"


def test_a_link_that_waits_does_not_undo_the_new_address(accounts, clock):
    mail_room = MailRoom(accounts, clock)
    subject = accounts.find().subject
    mail_room.enqueue(EmailKind.CHANGE_EMAIL, address="eve@example.com", subject=subject)
    mail_room.deliver()
    assert len(mail_room.link_rows()) == 1
    accounts.run("users", "set-email", EMAIL, MOVED)
    assert mail_room.link_rows() == []


def test_an_address_that_is_not_known_to_be_theirs_gets_a_link(accounts_on, mail_room):
    accounts_on.run("users", "set-email", EMAIL, MOVED, "--unverified")
    assert not accounts_on.find(MOVED).email_verified
    mail_room.deliver()
    assert mail_room.recipients() == [EMAIL, MOVED]


def test_a_deleted_account_leaves_its_address_nowhere(accounts_on, ada, mail_room):
    subject = accounts_on.find().subject
    mail_room.enqueue(EmailKind.RESET_PASSWORD)
    mail_room.deliver()
    for kind in (EmailKind.RESET_PASSWORD, EmailKind.CHANGE_EMAIL, EmailKind.PASSWORD_CHANGED):
        mail_room.enqueue(kind, address=MOVED, subject=subject)
    mail_room.enqueue(EmailKind.VERIFY_EMAIL, address=EMAIL.upper())
    assert accounts_on.try_to_run("users", "delete", EMAIL, input="n\n").exit_code == 1
    assert ada.is_signed_in
    done = accounts_on.run("users", "delete", EMAIL, input="y\n")
    assert f"In the audit log it is {subject}." in done.output
    assert not ada.is_signed_in
    (last,) = [job for job in mail_room.waiting() if job.kind == "email"]
    assert last.topic == EmailKind.ACCOUNT_DELETED
    mail_room.deliver()
    assert mail_room.recipients()[1:] == [EMAIL]
    for address in (EMAIL, MOVED.lower()):
        assert address not in dump(accounts_on)
    (deleted,) = rows(accounts_on, Event.ACCOUNT_DELETED)
    assert (deleted.subject, deleted.detail) == (subject, "by an operator")


class RefusedForGoodError(DeliveryError):
    permanent = True


def test_the_last_mail_is_not_kept_when_it_cannot_be_sent(accounts, clock):
    room = MailRoom(accounts, clock)
    accounts.run("users", "delete", EMAIL, "--yes")
    room.box.trouble = RefusedForGoodError("the mail server refuses the address (550)")
    room.deliver()
    assert room.waiting() == []


def test_what_failed_long_ago_goes_though_all_is_well(accounts, clock):
    room = MailRoom(accounts, clock)
    room.box.trouble = RefusedForGoodError("the mail server refuses the address (550)")
    room.enqueue(EmailKind.PASSWORD_CHANGED, subject="a")
    room.deliver()
    room.box.trouble = None
    clock.tick(days=31)
    for _ in range(10):
        room.enqueue(EmailKind.PASSWORD_CHANGED, subject="a")
    room.deliver()
    assert room.waiting() == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export", "b@example.com"], "There is no account for b@example.com."),
        (["delete", "b@example.com", "--yes"], "There is no account for b@example.com."),
        (["set-email", "b@example.com", MOVED], "There is no account for b@example.com."),
        (["set-email", EMAIL, "ada"], "That is not an e-mail address"),
        (["set-email", EMAIL, "zoe@example.com"], "There is an account for zoe@example.com"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(accounts_on, arguments, sentence):
    accounts_on.create("zoe@example.com")
    before = accounts_on.user_row()
    refused = accounts_on.try_to_run("users", *arguments)
    assert (refused.exit_code, sentence in refused.output) == (1, True)
    assert accounts_on.user_row() == before


def test_a_deletion_waits_for_who_changes_the_account(accounts_on, ada):
    user = accounts_on.find()
    with ThreadPoolExecutor(1) as threads:
        with accounts_on.database.writing() as connection:
            users.lock(connection, user)
            deleting = threads.submit(accounts_on.run, "users", "delete", EMAIL, "--yes")
            assert_waits(deleting)
            connection.execute(select(sessions.c.sid).with_for_update()).all()
        assert "Deleted the account" in deleting.result(30).output
