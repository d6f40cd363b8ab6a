"""A store that is lent the application's transaction: a handoff happens wholly, or not at all."""

import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, event, text

from flask_handoff import ConfigurationError
from flask_handoff.claims import Logout
from flask_handoff.errors import ReplayStoreUnavailableError
from flask_handoff.stores.sql import SQLReplayStore
from tests.minimal_pair import ISSUER, Browser, Heard, is_uniform_refusal, receiver_app


class Transactions:
    """The transactions of an application: one a thread, and what is inside of one is part of it."""

    def __init__(self, engine):
        self.engine = engine
        self._open = threading.local()

    @contextmanager
    def begin(self):
        outer = getattr(self._open, "connection", None)
        if outer is not None:
            yield outer
            return
        with self.engine.begin() as connection:
            self._open.connection = connection
            try:
                yield connection
            finally:
                self._open.connection = None

    def count(self, table):
        with self.begin() as connection:
            return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path):
    if request.param == "postgresql":
        engine = create_engine(request.getfixturevalue("postgresql_url"))
    else:
        address = f"sqlite:///{tmp_path / 'receiver.sqlite3'}"
        engine = create_engine(address, connect_args={"isolation_level": None})
        event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    yield engine
    engine.dispose()


@pytest.fixture
def impatient(engine):
    """The store of another process, which waits for no lock."""
    sqlite = engine.dialect.name == "sqlite"
    options = {"timeout": 0} if sqlite else {"options": "-c lock_timeout=1ms"}
    other = create_engine(engine.url, connect_args=options)
    yield SQLReplayStore(other)
    other.dispose()


@pytest.fixture
def transactions(engine):
    transactions = Transactions(engine)
    with transactions.begin() as connection:
        connection.execute(text("CREATE TABLE arrivals (subject VARCHAR(20))"))
    return transactions


@pytest.fixture
def receiver(transactions, key_ring, clock):
    store = SQLReplayStore(transactions.engine, transaction=transactions.begin)
    store.create_tables()
    receiver = receiver_app(key_ring, store, clock)

    def write(arrival):
        with transactions.begin() as connection:
            connection.execute(text("INSERT INTO arrivals VALUES (:subject)"), {"subject": "ada"})
        receiver.extensions["then"](arrival)

    receiver.extensions.update(signs_in=write, then=lambda _arrival: None)
    return receiver


def test_what_the_hook_writes_and_the_claim_stay_together(browser, transactions):
    assert browser.arrive().status_code == 303
    assert (transactions.count("arrivals"), transactions.count("handoff_replay")) == (1, 1)


def test_after_a_hook_that_failed_the_same_answer_is_good(browser, receiver, transactions):
    def fail(_arrival):
        raise OSError("the hook failed")

    receiver.extensions["then"] = fail
    answer = browser.come_back()
    assert browser.follow(answer).status_code == 500
    assert (transactions.count("arrivals"), transactions.count("handoff_replay")) == (0, 0)
    receiver.extensions["then"] = lambda _arrival: None
    assert browser.follow(answer).status_code == 303
    assert transactions.count("arrivals") == 1


def test_a_token_that_is_refused_for_its_browser_stays_spent(browser, receiver, heard):
    answer = browser.come_back()
    stranger = Browser.at_receiver(receiver)
    state = dict(pair.split("=") for pair in stranger.begin().split("?")[1].split("&"))["state"]
    ours = answer.location.split("state=")[1].partition("&")[0]
    assert is_uniform_refusal(stranger.get(answer.location.replace(ours, state)))
    assert is_uniform_refusal(browser.follow(answer))
    assert heard.errors() == ["token_claim", "token_replayed"]


def test_no_logout_is_noted_while_a_session_is_being_opened(browser, receiver, impatient, clock):
    """So a logout finds the session, or the sign-in finds the logout."""
    logout = Logout(ISSUER, None, "a-session-at-server1", clock())
    second = int(clock().timestamp())

    def note(_arrival=None):
        impatient.note_logout(logout, expires_at=second + 600, now=second)

    def fail_to_note(_arrival):
        with pytest.raises(ReplayStoreUnavailableError):
            note()

    receiver.extensions["then"] = fail_to_note
    late = browser.come_back()
    assert browser.arrive().status_code == 303
    note()
    assert is_uniform_refusal(browser.follow(late))


def test_a_transaction_that_has_not_begun_is_refused(tmp_path, key_ring, clock, issuer):
    engine = create_engine(f"sqlite:///{tmp_path / 'receiver.sqlite3'}")
    store = SQLReplayStore(engine, transaction=engine.begin)
    store.create_tables()
    receiver = receiver_app(key_ring, store, clock)
    receiver.testing = True
    browser = Browser(issuer, receiver)
    browser.sign_in()
    with pytest.raises(ConfigurationError, match="BEGIN IMMEDIATE"):
        browser.arrive()
    engine.dispose()


def test_a_handoff_takes_one_transaction(browser, receiver, engine):
    begun: list = []
    event.listen(engine, "begin", begun.append)
    assert browser.arrive().status_code == 303
    assert len(begun) == 1
    assert Heard(receiver).errors() == []
