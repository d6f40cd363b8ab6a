import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from server1.accounts import links, users
from server1.accounts.mail_links import (
    Link,
    LinkExpiredError,
    LinkReplacedError,
    LinkUnknownError,
    Purpose,
    mail_links,
)
from tests.conftest import ANY_PLAN
from tests.servers.accounts_visitor import EMAIL

OTHER_EMAIL = "bob@example.com"
NEW_EMAIL = "ada@example.org"


@pytest.fixture
def book(accounts_on, clock):
    return LinkBook(accounts_on, clock)


class LinkBook:
    """The links of SERVER1, each step in a transaction of its own."""

    def __init__(self, accounts, clock):
        self.accounts = accounts
        self.database = accounts.database
        self.clock = clock

    def make(self, purpose=Purpose.RESET_PASSWORD, email=EMAIL, address=None, browser=None):
        user = self.accounts.find(email)
        with self.database.writing() as connection:
            return links.make(
                connection,
                purpose=purpose,
                user=user,
                address=address or user.email,
                browser_sha256=browser,
                now=self.clock(),
            )

    def find(self, token, purpose=Purpose.RESET_PASSWORD) -> Link:
        with self.database.reading() as connection:
            return links.find(connection, token, purpose, self.clock())

    def consume(self, link):
        with self.database.writing() as connection:
            links.consume(connection, link)

    def undo(self, token):
        with self.database.writing() as connection:
            links.undo(connection, token)

    def revoke(self, *purposes, email=EMAIL):
        user = self.accounts.find(email)
        with self.database.writing() as connection:
            links.revoke(connection, user, purposes)

    def rows(self):
        with self.database.reading() as connection:
            return connection.execute(select(mail_links)).all()

    def is_good(self, token, purpose=Purpose.RESET_PASSWORD):
        try:
            self.find(token, purpose)
        except LookupError:
            return False
        return True


def test_a_link_says_whose_it_is_and_where_it_went(book, clock):
    token = book.make(Purpose.CHANGE_EMAIL, address=NEW_EMAIL, browser="b" * 64)
    link = book.find(token, Purpose.CHANGE_EMAIL)
    assert link.user == book.accounts.find()
    assert link.address == NEW_EMAIL
    assert link.browser_sha256 == "b" * 64
    assert (link.made_at, link.expires_at) == (clock(), clock() + timedelta(hours=24))


def test_a_token_has_256_bits_and_only_its_hash_is_kept(book):
    token = book.make()
    assert len(token) == 43
    assert token != book.make()
    rows = str(book.rows())
    assert token not in rows
    assert hashlib.sha256(token.encode()).hexdigest() in rows
    assert token not in repr(book.find(book.make()))


@pytest.mark.parametrize(
    ("purpose", "life"),
    [
        (Purpose.VERIFY_EMAIL, {"hours": 24}),
        (Purpose.RESET_PASSWORD, {"minutes": 60}),
        (Purpose.CHANGE_EMAIL, {"hours": 24}),
    ],
)
def test_a_link_is_good_until_its_time_is_over(book, clock, purpose, life):
    token = book.make(purpose)
    clock.tick(**life)
    clock.tick(seconds=-1)
    link = book.find(token, purpose)
    assert link.expires_at - link.made_at == timedelta(**life)
    clock.tick(seconds=1)
    with pytest.raises(LinkExpiredError):
        book.find(token, purpose)


@pytest.mark.parametrize(
    "unverified_token", ["", "x", "A" * 43, "A" * 10_000, "\ud800" * 43, "é" * 43]
)
def test_a_text_that_is_no_token_is_unknown(book, unverified_token):
    book.make()
    with pytest.raises(LinkUnknownError):
        book.find(unverified_token)


def test_a_link_is_good_for_its_own_purpose_only(book):
    for purpose in Purpose:
        token = book.make(purpose)
        assert [other for other in Purpose if book.is_good(token, other)] == [purpose]


def test_only_the_newest_link_is_good_and_the_others_say_which_that_is(book, clock):
    first = book.make()
    clock.tick(minutes=1)
    second = book.make()
    clock.tick(minutes=1)
    third, made_at = book.make(), clock()
    clock.tick(minutes=1)
    for older in (first, second):
        with pytest.raises(LinkReplacedError) as refusal:
            book.find(older)
        assert refusal.value.newest_made_at == made_at
    assert book.is_good(third)


def test_links_of_another_account_or_purpose_stay_good(book):
    book.accounts.create(OTHER_EMAIL)
    verify, others = book.make(Purpose.VERIFY_EMAIL), book.make(email=OTHER_EMAIL)
    book.consume(book.find(book.make()))
    assert book.is_good(verify, Purpose.VERIFY_EMAIL)
    assert book.is_good(others)


def test_an_older_link_has_expired_when_the_newest_one_has(book, clock):
    older = book.make()
    book.make()
    clock.tick(minutes=60)
    with pytest.raises(LinkExpiredError):
        book.find(older)


def test_a_link_is_spent_once_and_all_others_of_its_kind_with_it(book):
    older = book.make()
    link = book.find(book.make())
    book.consume(link)
    with pytest.raises(LinkUnknownError):
        book.consume(link)
    with pytest.raises(LinkUnknownError):
        book.find(older)
    assert book.rows() == []


def test_of_many_that_spend_a_link_at_once_one_does(book):
    start = threading.Barrier(12)

    def consume(link):
        start.wait()
        try:
            book.consume(link)
        except LinkUnknownError:
            return False
        return True

    for _ in range(5):
        link = book.find(book.make())
        with ThreadPoolExecutor(start.parties) as pool:
            assert sum(pool.map(consume, [link] * start.parties)) == 1


def test_a_link_that_is_not_spent_after_all_stays_good(book):
    token = book.make()
    link = book.find(token)
    with pytest.raises(ZeroDivisionError), book.database.writing() as connection:
        links.consume(connection, link)
        _ = 1 / 0
    assert book.is_good(token)


def test_a_link_replaced_after_it_was_found_is_not_spent(book):
    link = book.find(book.make())
    newest = book.make()
    with book.database.writing() as connection, pytest.raises(LinkUnknownError):
        links.consume(connection, link)
    assert book.is_good(newest)


def test_of_links_made_at_once_one_is_the_newest(book):
    start = threading.Barrier(8)

    def make(_number):
        start.wait()
        return book.make()

    for _ in range(5):
        with ThreadPoolExecutor(start.parties) as pool:
            tokens = list(pool.map(make, range(start.parties)))
        assert [book.is_good(token) for token in tokens].count(True) == 1


def test_a_link_undone_makes_the_one_before_it_valid_again(book):
    first, second, third = book.make(), book.make(), book.make()
    book.undo(third)
    assert [book.is_good(token) for token in (first, second, third)] == [False, True, False]
    book.undo(second)
    assert book.is_good(first)


def test_a_link_undone_late_leaves_the_newer_one_alone(book):
    first, second, third = book.make(), book.make(), book.make()
    book.undo(second)
    assert [book.is_good(token) for token in (first, second, third)] == [False, False, True]
    book.undo(third)
    assert book.is_good(first)


def test_undoing_a_link_that_is_gone_does_nothing(book):
    token = book.make()
    book.consume(book.find(token))
    newer = book.make()
    book.undo(token)
    assert book.is_good(newer)


def test_a_link_made_while_another_is_withdrawn_is_the_only_good_one(book):
    def make_or_withdraw(token):
        start.wait()
        return book.make() if token is None else book.undo(token)

    start = threading.Barrier(2)
    for _ in range(10):
        before, withdrawn = book.make(), book.make()
        with ThreadPoolExecutor(2) as pool:
            newest, _nothing = pool.map(make_or_withdraw, [None, withdrawn])
        assert [book.is_good(token) for token in (before, withdrawn, newest)] == [
            False,
            False,
            True,
        ]


def test_links_can_be_made_void(book):
    verify, reset = book.make(Purpose.VERIFY_EMAIL), book.make()
    book.revoke(Purpose.RESET_PASSWORD, Purpose.CHANGE_EMAIL)
    assert not book.is_good(reset)
    assert book.is_good(verify, Purpose.VERIFY_EMAIL)


def test_a_link_of_a_disabled_account_is_unknown(book):
    token = book.make()
    book.accounts.disable()
    with pytest.raises(LinkUnknownError):
        book.find(token)


@pytest.mark.parametrize("purpose", [Purpose.VERIFY_EMAIL, Purpose.RESET_PASSWORD])
def test_a_link_that_went_to_an_earlier_address_is_unknown(book, purpose):
    token = book.make(purpose)
    with book.database.writing() as connection:
        connection.execute(users.users.update().values(email=NEW_EMAIL, email_folded=NEW_EMAIL))
    with pytest.raises(LinkUnknownError):
        book.find(token, purpose)


def test_the_links_of_a_removed_account_go_with_it(book):
    book.make()
    with book.database.writing() as connection:
        connection.execute(text("DELETE FROM users"))
    assert book.rows() == []


@pytest.mark.parametrize("accounts_on", ANY_PLAN, indirect=True)
def test_links_that_nobody_asks_for_any_more_are_cleared_away_a_few_at_a_time(book, clock):
    for number in range(50):
        email = f"user{number}@example.com"
        user = replace(book.accounts.find(), subject=f"subject-{number}", email=email)
        with book.database.writing() as connection:
            values = {name: getattr(user, name) for name in users.User.__dataclass_fields__}
            connection.execute(users.users.insert().values(email_folded=email, **values))
        book.make(email=email)
    clock.tick(days=7, minutes=59)
    book.make()
    assert len(book.rows()) == 51
    clock.tick(minutes=1)
    lengths = []
    for _ in range(4):
        book.make(Purpose.VERIFY_EMAIL)
        lengths.append(len(book.rows()))
    assert lengths == [32, 13, 4, 5]
