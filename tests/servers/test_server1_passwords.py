import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import argon2
import pytest

from server1.accounts.passwords import (
    HashingConfig,
    PasswordHasher,
    PasswordWrongError,
)
from server1.accounts.throttles import ACCOUNT_AT_ADDRESS
from server1.accounts.turns import HasherBusyError, Turns
from server1.config import Config
from tests.server_process import until
from tests.servers.accounts_visitor import (
    EMAIL,
    PASSWORD,
    Visitor,
    problem,
    running_accounts,
)

REPLACE = ("users", "create", EMAIL, "--replace-password", "--password-stdin")
CHEAP = HashingConfig(memory_kib=64, concurrent=1)


def test_a_password_is_kept_as_argon2id_with_a_salt():
    hasher = PasswordHasher(CHEAP)
    first, second = hasher.hash(PASSWORD), hasher.hash(PASSWORD)
    assert first.startswith("$argon2id$v=19$m=64,t=3,p=4$")
    assert first != second


def test_the_default_cost_is_that_of_rfc_9106_for_little_memory():
    password_hash = PasswordHasher(Config.from_environment({}).hashing).hash(PASSWORD)
    assert password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize("password_hash", [None, "no hash", "", "$argon2id$v=19$m=64,t=3,p=4$x$y"])
def test_no_password_fits_an_account_without_a_good_hash(password_hash):
    with pytest.raises(PasswordWrongError):
        PasswordHasher(CHEAP).check(password_hash, "nobody's password")


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("caf\u00e9 lantern", "cafe\u0301 lantern"),
        ("cafe\u0301 lantern", "caf\u00e9 lantern"),
        ("a lantern", "a lantern \n"),
        ("a lantern", "\u00a0a lantern"),
        ("caf\u00e9 lantern", "cafe\u0301 lantern\u200b"),
        (" a lantern ", " a lantern "),
    ],
)
def test_one_password_fits_as_another_keyboard_or_a_copy_writes_it(chosen, typed):
    hasher = PasswordHasher(CHEAP)
    found = hasher.check(hasher.hash(chosen), typed)
    assert hasher.check(hasher.hash(found), chosen)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("caf\u00e9 lantern", "cafe lantern"),
        ("a lantern", "A lantern"),
        ("a lantern", "a  lantern"),
        ("a lantern ", "a lantern"),
        ("office 2", "o\ufb03ce \u00b2"),
        ("a lantern", " "),
    ],
)
def test_another_password_does_not_fit(chosen, typed):
    hasher = PasswordHasher(CHEAP)
    with pytest.raises(PasswordWrongError):
        hasher.check(hasher.hash(chosen), typed)


def test_a_hash_of_a_decomposed_password_fits_what_was_typed_then():
    typed = "cafe\u0301 lantern"
    stored = argon2.PasswordHasher(3, 64, 4).hash(typed)
    assert PasswordHasher(CHEAP).check(stored, typed) == typed


@pytest.mark.parametrize("typed", ["wrong", "wrong ", "cafe\u0301 "])
def test_an_attempt_counts_once_however_often_it_is_compared(accounts, typed):
    visitor = Visitor(accounts)
    for _ in range(ACCOUNT_AT_ADDRESS.most):
        assert visitor.sign_in(password=typed).status_code == 403
    assert visitor.sign_in(password=typed).status_code == 429


def test_a_hash_of_another_cost_is_outdated():
    dearer = HashingConfig(memory_kib=128, concurrent=1)
    password_hash = PasswordHasher(CHEAP).hash(PASSWORD)
    assert PasswordHasher(dearer).is_outdated(password_hash)
    assert not PasswordHasher(CHEAP).is_outdated(password_hash)


def test_a_sign_in_renews_an_outdated_hash_and_no_other(accounts_environment, clock):
    with running_accounts(accounts_environment, clock) as accounts:
        Visitor(accounts).sign_in()
        old = accounts.user_row().password_hash
        Visitor(accounts).sign_in()
        assert accounts.user_row().password_hash == old
        accounts.create("bob@example.com")
    dearer = {**accounts_environment, "SERVER1_ARGON2_MEMORY_KIB": "128"}
    with running_accounts(dearer, clock) as accounts:
        Visitor(accounts).sign_in(password="a wrong password")
        assert accounts.user_row().password_hash == old
        assert Visitor(accounts).sign_in().status_code == 303
        assert "m=128," in accounts.user_row().password_hash
        assert "m=64," in accounts.user_row("bob@example.com").password_hash
        assert Visitor(accounts).sign_in().status_code == 303


class SlowPassword(str):
    """Takes as long to be compared as it is told to."""

    def __init__(self, _text):
        self.is_compared, self.may_go_on = threading.Event(), threading.Event()

    def encode(self, *args):
        self.is_compared.set()
        assert self.may_go_on.wait(30)
        return super().encode(*args)


def test_only_so_many_passwords_are_compared_at_once():
    hasher = PasswordHasher(CHEAP._replace(concurrent=2), longest_wait=timedelta(milliseconds=1))
    slow = [SlowPassword(PASSWORD) for _ in "12"]
    with ThreadPoolExecutor() as threads:
        compared = [threads.submit(hasher.check, None, each, known=True) for each in slow]
        assert all(password.is_compared.wait(30) for password in slow)
        for compare in (lambda: hasher.check(None, PASSWORD), lambda: hasher.hash(PASSWORD)):
            with pytest.raises(HasherBusyError):
                compare()
        for password in slow:
            password.may_go_on.set()
        assert [type(each.exception(30)) for each in compared] == [PasswordWrongError] * 2
    hasher.hash(PASSWORD)


class BusyHasher(PasswordHasher):
    def check(self, password_hash, password, **_options):
        raise HasherBusyError


def test_a_busy_server_says_so_and_counts_no_failure(accounts):
    patient = accounts.hasher
    accounts.install(hasher=BusyHasher(CHEAP))
    for _ in range(10):
        answer = Visitor(accounts).sign_in(password="a wrong password")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert problem(answer) == "The server is busy. Try again in a moment."
    accounts.install(hasher=patient)
    assert Visitor(accounts).sign_in().status_code == 303


def test_a_session_does_not_survive_a_new_password(accounts):
    visitor = Visitor(accounts)
    visitor.sign_in()
    accounts.run(*REPLACE, input="another good password\n")
    assert not visitor.is_signed_in
    assert visitor.sign_in().status_code == 403
    assert visitor.sign_in(password="another good password").status_code == 303


def test_a_session_survives_the_same_password(accounts):
    visitor = Visitor(accounts)
    visitor.sign_in()
    accounts.run(*REPLACE, input=f"{PASSWORD}\n")
    assert visitor.is_signed_in


class AccountDisablingHasher(PasswordHasher):
    """Lets the account be disabled while its password is compared."""

    def __init__(self, config, accounts):
        super().__init__(config)
        self.accounts = accounts

    def check(self, password_hash, password, **options):
        found = super().check(password_hash, password, **options)
        self.accounts.disable()
        return found


def test_an_account_disabled_while_its_password_is_compared_gets_no_session(accounts):
    hasher = AccountDisablingHasher(CHEAP, accounts)
    accounts.install(hasher=hasher)
    assert Visitor(accounts).sign_in().status_code == 403
    assert accounts.session_rows() == []


@pytest.fixture
def turns():
    return Turns(concurrent=2, strangers=3, longest_wait=timedelta(milliseconds=1))


def test_strangers_never_have_the_last_turn(turns):
    with turns.comparing(known=False):
        with pytest.raises(HasherBusyError), turns.comparing(known=False):
            pass
        with turns.comparing(known=True):
            pass


def test_with_one_turn_alone_strangers_get_it_as_well():
    with Turns(1, 1, timedelta(milliseconds=1)).comparing(known=False):
        pass


def test_a_known_address_goes_first():
    turns, order = Turns(1, 9, timedelta(minutes=1)), []

    def compare(known):
        with turns.comparing(known=known):
            order.append(known)

    with ThreadPoolExecutor() as threads:
        with turns.comparing(known=False):
            strangers = [threads.submit(compare, False) for _ in range(3)]
            owner = threads.submit(compare, True)
            until(lambda: turns.known_waiting == 1)
        for each in (*strangers, owner):
            each.result(30)
    assert order == [True, False, False, False]


def test_strangers_together_have_so_many_places_and_known_addresses_any(turns):
    with ExitStack() as under_way:
        for known in (False, False, True, False):
            under_way.enter_context(turns.admitted(known=known))
        with pytest.raises(HasherBusyError), turns.admitted(known=False):
            pass
        with turns.admitted(known=True):
            pass
    with turns.admitted(known=False):
        pass


def test_guesses_from_many_networks_leave_the_owner_a_place(accounts):
    owner = Visitor(accounts, "203.0.113.1")
    owner.sign_in()
    owner.sign_out()
    hasher = PasswordHasher(accounts.config.hashing, longest_wait=timedelta(milliseconds=1))
    accounts.install(hasher=hasher)
    assert accounts.config.hashing.strangers == accounts.config.serving.threads - 2
    with ExitStack() as attack:
        for _ in range(accounts.config.hashing.strangers):
            attack.enter_context(hasher.turns.admitted(known=False))
        for _ in range(accounts.config.hashing.concurrent - 1):
            attack.enter_context(hasher.turns.comparing(known=False))
        guess = Visitor(accounts, "198.51.100.1").sign_in(password="a wrong password")
        assert guess.status_code == 503
        assert owner.sign_in().status_code == 303
