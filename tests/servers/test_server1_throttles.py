import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from flask_service.database import database_of
from server1.accounts import throttles
from server1.accounts.credentials import authenticated
from server1.accounts.passwords import PasswordHasher
from server1.accounts.throttles import Attempt, TooManyAttemptsError
from server1.audit import Event
from server1.mail.queue import EmailKind
from tests.server_process import PATIENCE
from tests.servers.accounts_visitor import (
    EMAIL,
    PASSWORD,
    Accounts,
    Visitor,
    build,
    hidden_fields,
    problem,
)
from tests.servers.audit_log import rows
from tests.servers.mail_room import MailRoom, token_in

NEW_PASSWORD = "lilac engine 49 quarry"


def fail(accounts, attempt):
    with accounts.database.writing() as connection:
        counted = throttles.count_failure(connection, attempt, accounts.clock())
        throttles.keep(connection, counted)
    return counted


def wait_of(accounts, attempt):
    with pytest.raises(TooManyAttemptsError) as refusal:
        fail(accounts, attempt)
    return refusal.value.retry_after


def know(accounts, attempt):
    owner = accounts.find()
    with accounts.database.writing() as connection:
        throttles.note_known(connection, attempt, owner, accounts.clock())


def test_five_failures_a_minute_for_an_account_at_an_address(accounts_on, clock):
    attempt = Attempt(EMAIL, "203.0.113.1")
    for _ in range(5):
        clock.tick(seconds=5)
        fail(accounts_on, attempt)
    clock.tick(seconds=5)
    assert wait_of(accounts_on, attempt) == timedelta(seconds=35)
    fail(accounts_on, Attempt(EMAIL, "203.0.113.2"))
    fail(accounts_on, Attempt("bob@example.com", "203.0.113.1"))


def test_refused_attempts_do_not_lengthen_the_wait(accounts_on, clock):
    attempt = Attempt(EMAIL, "203.0.113.1")
    for _ in range(5):
        fail(accounts_on, attempt)
    for _ in range(5):
        clock.tick(seconds=10)
        wait_of(accounts_on, attempt)
    clock.tick(seconds=10)
    fail(accounts_on, attempt)


def test_a_clock_put_back_keeps_nobody_out_for_longer(accounts_on, clock):
    attempt = Attempt(EMAIL, "203.0.113.1")
    for _ in range(5):
        fail(accounts_on, attempt)
    clock.tick(seconds=-5)  # another machine, of which this one is ahead
    wait_of(accounts_on, attempt)
    clock.tick(hours=-1)
    for _ in range(5):
        fail(accounts_on, attempt)
    assert wait_of(accounts_on, attempt) == timedelta(minutes=1)


def test_twenty_failures_a_minute_at_an_address(accounts_on, clock):
    for number in range(20):
        fail(accounts_on, Attempt(f"user{number}@example.com", "203.0.113.1"))
    assert wait_of(accounts_on, Attempt(EMAIL, "203.0.113.1")) == timedelta(minutes=1)
    clock.tick(minutes=1)
    fail(accounts_on, Attempt(EMAIL, "203.0.113.1"))


def test_a_hundred_failures_an_hour_for_an_account(accounts_on, clock):
    for number in range(100):
        fail(accounts_on, Attempt(EMAIL, f"198.51.100.{number}"))
    assert wait_of(accounts_on, Attempt(EMAIL, "203.0.113.1")) == timedelta(hours=1)
    fail(accounts_on, Attempt("bob@example.com", "203.0.113.1"))
    clock.tick(hours=1)
    fail(accounts_on, Attempt(EMAIL, "203.0.113.1"))


def test_strangers_do_not_keep_an_owner_out_where_they_have_signed_in_before(accounts_on, clock):
    home = Attempt(EMAIL, "203.0.113.1")
    know(accounts_on, home)
    for number in range(100):
        fail(accounts_on, Attempt(EMAIL, f"198.51.100.{number}"))
    fail(accounts_on, home)
    clock.tick(days=89, hours=23)
    for number in range(100):
        fail(accounts_on, Attempt(EMAIL, f"198.51.100.{number}"))
    fail(accounts_on, home)
    clock.tick(hours=1)  # an address is forgotten after 90 days
    for number in range(100):
        fail(accounts_on, Attempt(EMAIL, f"198.51.100.{number}"))
    wait_of(accounts_on, home)


def test_an_ipv6_network_counts_as_one_address(accounts_on):
    for number in range(5):
        fail(accounts_on, Attempt(EMAIL, f"2001:db8:1:2::{number}"))
    wait_of(accounts_on, Attempt(EMAIL, "2001:db8:1:2:ffff::1"))
    fail(accounts_on, Attempt(EMAIL, "2001:db8:1:3::1"))


def test_ipv4_addresses_written_as_ipv6_are_not_one_network(accounts_on):
    for _ in range(5):
        fail(accounts_on, Attempt(EMAIL, "::ffff:203.0.113.1"))
    wait_of(accounts_on, Attempt(EMAIL, "203.0.113.1"))
    fail(accounts_on, Attempt(EMAIL, "::ffff:203.0.113.2"))


def test_what_is_taken_back_does_not_count(accounts_on, clock):
    attempt = Attempt(EMAIL, "203.0.113.1")
    for _ in range(30):
        counted = fail(accounts_on, attempt)
        with accounts_on.database.writing() as connection:
            throttles.take_back(connection, counted)
    for _ in range(5):
        fail(accounts_on, attempt)
    wait_of(accounts_on, attempt)


def test_counts_that_are_over_are_cleared_away(accounts_on, clock):
    for number in range(50):
        fail(accounts_on, Attempt(f"user{number}@example.com", f"198.51.100.{number}"))
    clock.tick(hours=2)
    for _ in range(10):
        clock.tick(minutes=2)
        fail(accounts_on, Attempt(EMAIL, "203.0.113.1"))
    with accounts_on.database.reading() as connection:
        assert len(connection.execute(throttles.throttles.select()).all()) <= 3


def test_no_address_is_kept_in_plain_sight(accounts_on):
    fail(accounts_on, Attempt(EMAIL, "203.0.113.1"))
    with accounts_on.database.reading() as connection:
        rows = str(connection.execute(throttles.throttles.select()).all())
    assert EMAIL not in rows
    assert "203.0.113" not in rows


def test_guesses_side_by_side_all_count(accounts_on):
    def guess(_number):
        visitor = Visitor(accounts_on)
        return visitor.sign_in(password="a wrong password").status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(guess, range(50)))
    assert answers.count(403) == 5
    assert answers.count(429) == 45


def test_wrong_guesses_at_two_processes_count_together(accounts_on, made_environment, clock):
    """Two applications share nothing but their database, as two processes do."""
    url = accounts_on.database.url.render_as_string(hide_password=False)
    other = build({**made_environment, "SERVER1_DATABASE_URL": url}, clock)
    try:
        visitors = [Visitor(each) for each in (accounts_on, Accounts(other)) for _ in range(25)]

        def guess(numbered):
            number, visitor = numbered
            return visitor.sign_in(f"user{number}@example.com", "a wrong password").status_code

        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(guess, enumerate(visitors)))
    finally:
        database_of(other).close()
    assert (answers.count(403), answers.count(429)) == (20, 30)
    assert len(rows(accounts_on, Event.SIGN_IN_FAILED)) == 20


def test_good_attempts_side_by_side_are_no_failures(accounts_on):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: Visitor(accounts_on).sign_in().status_code, range(16)))
    assert answers == [303] * 16
    assert marks(accounts_on) == set()


class Together(PasswordHasher):
    """Compares the first twenty passwords when all of them have come, so that the limit is full."""

    def __init__(self, config, wait=timedelta(minutes=1)):
        super().__init__(config, longest_wait=wait)
        self._barrier = threading.Barrier(20)
        self._first = iter(range(20))

    def check(self, password_hash, password, **options):
        if next(self._first, None) is not None:
            self._barrier.wait(PATIENCE)
        super().check(password_hash, password, **options)


def marks(accounts):
    with accounts.database.reading() as connection:
        counts = connection.execute(throttles.throttles.select()).all()
    return {(each.count, each.pending) for each in counts} - {(0, 0)}


def test_thirty_right_passwords_at_once_from_one_address_get_in(accounts_on):
    emails = [f"user{number}@example.com" for number in range(30)]
    for email in emails:
        accounts_on.create(email)
    accounts_on.install(hasher=Together(accounts_on.config.hashing))

    def sign_in(email):
        return Visitor(accounts_on, "203.0.113.1").sign_in(email).status_code

    with ThreadPoolExecutor(30) as pool:
        assert list(pool.map(sign_in, emails)) == [303] * 30
    assert marks(accounts_on) == set()


def test_who_waits_behind_wrong_guesses_is_refused_as_soon_as_they_are_judged(accounts):
    accounts.install(hasher=Together(accounts.config.hashing))

    def guess(number):
        return Visitor(accounts).sign_in(f"user{number}@example.com", "a wrong one").status_code

    with ThreadPoolExecutor(21) as pool:
        answers = list(pool.map(guess, range(21)))
    assert sorted(answers) == [403] * 20 + [429]
    assert {pending for _count, pending in marks(accounts)} == {0}


def test_who_waits_in_vain_is_told_to_come_back_in_seconds(accounts, clock):
    impatient = PasswordHasher(accounts.config.hashing, longest_wait=timedelta(milliseconds=1))
    accounts.install(hasher=impatient)
    with accounts.database.writing() as connection:
        for _ in range(5):
            throttles.count_failure(connection, Attempt(EMAIL, "127.0.0.1"), clock())
    answer = Visitor(accounts).sign_in()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")


def test_a_right_password_leaves_no_mark_when_what_follows_is_refused(accounts, browser1):
    browser1.sign_in()
    with (
        pytest.raises(RuntimeError, match="undone"),
        accounts.app.test_request_context(),
        authenticated(EMAIL, PASSWORD, address="127.0.0.1"),
    ):
        raise RuntimeError("undone")
    assert marks(accounts) == set()


def test_a_throttled_person_is_told_how_long_to_wait(browser1, clock):
    for _ in range(5):
        browser1.sign_in(password="a wrong password")
    clock.tick(seconds=20)
    answer = browser1.sign_in()
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "40"
    assert problem(answer) == "Too many attempts. Try again in 40 seconds."
    clock.tick(seconds=39)
    assert problem(browser1.sign_in()) == "Too many attempts. Try again in 1 second."
    clock.tick(seconds=1)
    assert browser1.sign_in().status_code == 303


def test_a_long_wait_is_told_in_minutes(accounts, clock):
    for number in range(100):
        fail(accounts, Attempt(EMAIL, f"198.51.100.{number}"))
    clock.tick(minutes=20)
    answer = Visitor(accounts).sign_in()
    assert answer.headers["Retry-After"] == "2400"
    assert problem(answer) == "Too many attempts. Try again in 40 minutes."


def test_the_owner_signs_in_elsewhere_while_one_address_is_throttled(accounts):
    guesser = Visitor(accounts, "198.51.100.1")
    for _ in range(6):
        guesser.sign_in(password="a wrong password")
    assert Visitor(accounts, "203.0.113.1").sign_in().status_code == 303


def test_where_the_owner_has_signed_in_before_is_known(accounts):
    home, elsewhere = Visitor(accounts, "203.0.113.1"), Visitor(accounts, "203.0.113.2")
    home.sign_in()
    home.sign_out()
    for number in range(100):
        fail(accounts, Attempt(EMAIL, f"198.51.100.{number}"))
    assert elsewhere.sign_in().status_code == 429
    assert home.sign_in().status_code == 303


@pytest.mark.parametrize("way", ["by its owner", "by mail", "by command"])
def test_where_a_password_was_known_that_is_replaced_is_known_no_more(accounts, clock, way):
    thief, owner = Visitor(accounts, "203.0.113.1"), Visitor(accounts, "203.0.113.2")
    thief.sign_in()
    replace_password(way, accounts, owner, MailRoom(accounts, clock))
    for number in range(100):
        fail(accounts, Attempt(EMAIL, f"198.51.100.{number}"))
    assert thief.sign_in(password=NEW_PASSWORD).status_code == 429
    expected = 429 if way == "by command" else 303
    assert owner.sign_in(password=NEW_PASSWORD).status_code == expected


def replace_password(way, accounts, owner, mail_room):
    if way == "by its owner":
        owner.sign_in()
        fields = {"password": PASSWORD, "new_password": NEW_PASSWORD}
        owner.submit("/account/password", fields, page="/account/password")
        owner.sign_out()
    elif way == "by mail":
        mail_room.enqueue(EmailKind.RESET_PASSWORD)
        mail_room.deliver()
        link = f"/reset-password?token={token_in(mail_room.box.mails[-1])}"
        owner.submit("/reset-password", {"password": NEW_PASSWORD}, page=link)
    else:
        create = ("users", "create", EMAIL, "--replace-password", "--password-stdin")
        accounts.run(*create, input=NEW_PASSWORD)


def test_signing_in_often_is_no_failure(accounts):
    for _ in range(25):
        assert Visitor(accounts).sign_in().status_code == 303


def test_a_header_does_not_change_the_address(accounts):
    for number in range(5):
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        Visitor(accounts).sign_in(password="a wrong password", headers=headers)
    answer = Visitor(accounts).sign_in(headers={"X-Forwarded-For": "203.0.113.1"})
    assert answer.status_code == 429


def test_a_form_may_be_sent_again_after_the_wait(browser1, clock):
    fields = {**hidden_fields(browser1.get("/login").text), "email": EMAIL}
    for _ in range(6):
        browser1.post("/login", {**fields, "password": "a wrong password"})
    clock.tick(minutes=1)
    password = {"password": "a password of the tests"}
    assert browser1.post("/login", {**fields, **password}).status_code == 303
