"""One use of a client assertion and what it brings: wholly, or not at all."""

from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import create_engine, event

from flask_handoff.errors import ReplayStoreUnavailableError
from flask_handoff.keys import ExternalKey, ExternalKeys
from flask_handoff.signals import tokens_issued
from flask_handoff.stores import MemoryReplayStore
from flask_handoff.stores.sql import SQLReplayStore
from tests.code_client import refused
from tests.library.test_client_credentials import CLIENTS, KEYS, ask_for_token, assertion
from tests.library.test_one_transaction import Transactions
from tests.library.test_valid_after import Cuts
from tests.minimal_pair import ISSUER, Browser, issuer_app

REFUSED = {
    "a scope that is not granted": {"scope": "mail:send"},
    "an unknown kind of grant": {"grant_type": "password"},
    "no kind of grant": {"grant_type": None},
    "a user's code": {"grant_type": "authorization_code", "code": "c" * 43},
}


class LentTransactions(Transactions):
    """Writes down when they begin and how they end."""

    def __init__(self, engine):
        super().__init__(engine)
        self.log = []
        self.cannot_commit = False

    @contextmanager
    def begin(self):
        if getattr(self._open, "connection", None) is not None:
            with super().begin() as connection:
                yield connection
            return
        self.log.append("begins")
        try:
            with super().begin() as connection:
                yield connection
                if self.cannot_commit:
                    raise ReplayStoreUnavailableError("the disk is full")
        except BaseException:
            self.log.append("is undone")
            raise
        self.log.append("is committed")


@pytest.fixture
def transactions(tmp_path):
    address = f"sqlite:///{tmp_path / 'issuer.sqlite3'}"
    engine = create_engine(address, connect_args={"isolation_level": None})
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    yield LentTransactions(engine)
    engine.dispose()


@pytest.fixture
def sql_store(transactions):
    store = SQLReplayStore(transactions.engine, transaction=transactions.begin)
    store.create_tables()
    transactions.log.clear()
    return store


@pytest.fixture(params=["memory", "sql"])
def store(request):
    return (
        MemoryReplayStore() if request.param == "memory" else request.getfixturevalue("sql_store")
    )


@pytest.fixture
def cuts():
    return Cuts()


class Signer:
    """Signs elsewhere what the issuer mints, once *asked* lets it."""

    def __init__(self):
        self.keys = ExternalKeys(ExternalKey(KEYS["site"].public_key(), self.sign))
        self.asked = lambda: None

    def sign(self, octets):
        self.asked()
        return KEYS["site"].sign(octets, PKCS1v15(), SHA256())


@pytest.fixture
def signer():
    return Signer()


@pytest.fixture
def serve(signer, clock, cuts):
    def serve(store):
        settings = {"valid_after": cuts, "HANDOFF_CLIENTS": CLIENTS}
        return Browser(issuer_app(signer.keys, clock, None, None, store, **settings), None)

    return serve


def fail():
    raise OSError("the signer is out of reach")


@pytest.mark.parametrize("asked", REFUSED.values(), ids=list(REFUSED))
def test_an_assertion_is_spent_by_a_request_that_is_refused(serve, store, clock, asked):
    program, token = serve(store), assertion(clock)
    assert ask_for_token(program, token, **asked).status_code == 400
    assert refused(ask_for_token(program, token), 401) == "invalid_client"


def test_it_is_spent_where_its_token_cannot_be_signed(serve, store, signer, clock):
    program, token = serve(store), assertion(clock)
    signer.asked = fail
    assert refused(ask_for_token(program, token), 503) == "temporarily_unavailable"
    signer.asked = lambda: None
    assert refused(ask_for_token(program, token), 401) == "invalid_client"


def test_no_token_is_signed_before_the_commit(serve, sql_store, transactions, signer, clock):
    program, token = serve(sql_store), assertion(clock)
    signer.asked = lambda: transactions.log.append("signs")
    assert ask_for_token(program, token).status_code == 200
    assert transactions.log == ["begins", "is committed", "signs"]
    transactions.log.clear()
    assert ask_for_token(program, token).status_code == 401
    assert "signs" not in transactions.log


def test_a_commit_that_fails_spends_and_issues_nothing(serve, sql_store, transactions, clock):
    program, token = serve(sql_store), assertion(clock)
    transactions.cannot_commit = True
    assert refused(ask_for_token(program, token), 503) == "temporarily_unavailable"
    transactions.cannot_commit = False
    assert transactions.count("handoff_replay") == 0
    assert ask_for_token(program, token).status_code == 200
    assert refused(ask_for_token(program, token), 401) == "invalid_client"


def test_what_cannot_be_recorded_spends_nothing(serve, sql_store, clock):
    program, token = serve(sql_store), assertion(clock)

    def fail_to_record(*_, **__):
        raise ReplayStoreUnavailableError("the log is out of reach")

    with tokens_issued.connected_to(fail_to_record, sender=program.apps[ISSUER]):
        assert refused(ask_for_token(program, token), 503) == "temporarily_unavailable"
    assert ask_for_token(program, token).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [{"key": "backup"}, {"aud": "https://other.example.com"}, {"exp": 1}],
    ids=["another key", "another server", "expired"],
)
def test_whoever_proves_nothing_begins_no_transaction(
    serve, sql_store, transactions, clock, changed
):
    program = serve(sql_store)
    assert refused(ask_for_token(program, assertion(clock, **changed)), 401) == "invalid_client"
    assert transactions.log == []


def test_no_transaction_is_held_while_a_cut_is_waited_for(
    serve, sql_store, transactions, cuts, clock
):
    program = serve(sql_store)
    cuts.cut("client", "report", clock=clock)

    def sleep(seconds):
        transactions.log.append("waits")
        clock.tick(seconds=seconds)

    clock.sleep = sleep
    assert ask_for_token(program, assertion(clock)).status_code == 200
    assert transactions.log == ["begins", "is undone", "waits", "begins", "is committed"]


def test_in_memory_it_is_claimed_once_for_a_cut_that_is_waited_for(serve, cuts, clock):
    program = serve(MemoryReplayStore())
    cuts.cut("client", "report", clock=clock)
    token = assertion(clock)
    assert ask_for_token(program, token).status_code == 200
    assert refused(ask_for_token(program, token), 401) == "invalid_client"
