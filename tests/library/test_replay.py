import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from sqlalchemy import MetaData, create_engine, event, inspect, text
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from flask_handoff.errors import (
    ConfigurationError,
    ReplayStoreUnavailableError,
    TokenReplayedError,
)
from flask_handoff.stores import MemoryReplayStore
from flask_handoff.stores.sql import SQLReplayStore, replay_table

ISSUER = "https://server1.example.com"
NOW = 1_800_000_000  # seconds since 1970
PATIENCE = 60  # seconds for a lock, and for the other threads


def claim(store, jwt_id, *, issuer=ISSUER, expires_at=NOW + 125, now=NOW):
    store.claim(issuer, jwt_id, expires_at=expires_at, now=now)


def is_remembered(store, jwt_id, *, now=NOW):
    """Whether a claim is lost. One that is won expires much later and sweeps what has expired."""
    try:
        claim(store, jwt_id, expires_at=NOW + 100_000, now=now)
    except TokenReplayedError:
        return True
    return False


class ReplayStoreContract:
    """What every store must do. A subclass brings the fixture ``store``, empty each time."""

    def test_a_token_is_won_only_once(self, store):
        claim(store, "one")
        for _ in range(3):
            with pytest.raises(TokenReplayedError):
                claim(store, "one")

    def test_other_tokens_are_won_as_well(self, store):
        for jwt_id in ("one", "One", "one ", "on", "another"):
            claim(store, jwt_id)

    def test_a_token_of_another_issuer_is_another_token(self, store):
        claim(store, "one")
        claim(store, "one", issuer="https://other.example.com")

    def test_issuer_and_identifier_do_not_run_into_each_other(self, store):
        claim(store, "bc", issuer="a")
        claim(store, "c", issuer="ab")

    @pytest.mark.parametrize(
        "jwt_id",
        [
            "'; DROP TABLE handoff_replay",
            "%(now)s",
            ":now",
            "?",
            "\N{SNOWMAN}\U0001f4dd",
            "n" * 261,
        ],
        ids=["quote", "percent", "colon", "question mark", "not ASCII", "longest"],
    )
    def test_an_identifier_is_only_a_text(self, store, jwt_id):
        claim(store, jwt_id, issuer="https://server1.example.com/" + "i" * 227)
        with pytest.raises(TokenReplayedError):
            claim(store, jwt_id, issuer="https://server1.example.com/" + "i" * 227)

    def test_a_token_is_remembered_to_the_end_of_its_last_second(self, store):
        claim(store, "one", expires_at=NOW)
        claim(store, "a sweeping one", now=NOW)
        assert is_remembered(store, "one")

    def test_a_token_is_forgotten_when_its_last_second_is_over(self, store):
        claim(store, "one", expires_at=NOW)
        claim(store, "a sweeping one", now=NOW + 1)
        assert not is_remembered(store, "one")

    def test_an_expired_token_that_was_not_swept_yet_is_not_won_again(self, store):
        claim(store, "one", expires_at=NOW)
        with pytest.raises(TokenReplayedError):
            claim(store, "one", now=NOW + 1000)

    def test_a_claim_sweeps_the_two_that_expired_first(self, store):
        for age in (3, 1, 4, 2):
            claim(store, f"expired for {age} s", expires_at=NOW - age, now=NOW - 100)
        claim(store, "a sweeping one")
        assert is_remembered(store, "expired for 1 s", now=NOW - 100)
        assert is_remembered(store, "expired for 2 s", now=NOW - 100)
        assert not is_remembered(store, "expired for 3 s", now=NOW - 100)
        assert not is_remembered(store, "expired for 4 s", now=NOW - 100)

    def test_a_claim_that_is_lost_sweeps_nothing(self, store):
        claim(store, "an expired one", expires_at=NOW - 1, now=NOW - 100)
        claim(store, "one", now=NOW - 100)
        with pytest.raises(TokenReplayedError):
            claim(store, "one")
        assert is_remembered(store, "an expired one")

    def test_a_token_claimed_by_many_threads_at_once_is_won_by_one(self, store):
        threads, tokens = 8, 25
        together = threading.Barrier(threads)

        def win(_):
            won = []
            for number in range(tokens):
                together.wait(timeout=PATIENCE)
                try:
                    claim(store, f"token {number}")
                except TokenReplayedError:
                    continue
                won.append(number)
            return won

        with ThreadPoolExecutor(threads) as pool:
            won = list(chain.from_iterable(pool.map(win, range(threads))))
        assert sorted(won) == list(range(tokens))

    def test_a_store_within_reach_is_ready(self, store):
        store.ready()

    def test_being_asked_whether_it_is_ready_changes_nothing(self, store):
        claim(store, "an expired one", expires_at=1, now=0)
        store.ready()
        assert is_remembered(store, "an expired one", now=0)


class TestMemoryReplayStore(ReplayStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryReplayStore()

    def test_a_full_store_refuses_everybody(self):
        store = MemoryReplayStore(capacity=2)
        claim(store, "one")
        claim(store, "two")
        with pytest.raises(ReplayStoreUnavailableError):
            claim(store, "three")

    def test_a_full_store_forgets_nobody(self):
        store = MemoryReplayStore(capacity=1)
        claim(store, "one")
        with pytest.raises(ReplayStoreUnavailableError):
            claim(store, "two", now=NOW + 125)
        with pytest.raises(TokenReplayedError):
            claim(store, "one", now=NOW + 125)

    def test_a_token_that_a_full_store_refused_is_not_spent(self):
        store = MemoryReplayStore(capacity=1)
        claim(store, "one", expires_at=NOW)
        with pytest.raises(ReplayStoreUnavailableError):
            claim(store, "two")
        claim(store, "two", now=NOW + 1)

    def test_a_store_full_of_expired_tokens_takes_new_ones(self):
        store = MemoryReplayStore(capacity=3)
        for number in range(300):
            claim(store, f"token {number}", expires_at=NOW + number // 3, now=NOW + number // 3)

    @pytest.mark.parametrize("capacity", [0, -1])
    def test_a_store_that_holds_nothing_lets_nobody_in(self, capacity):
        with pytest.raises(ReplayStoreUnavailableError):
            claim(MemoryReplayStore(capacity=capacity), "one")


class TestSQLReplayStore(ReplayStoreContract):
    """What a store in a database must do besides."""

    @pytest.fixture
    def store(self, engine):
        store = SQLReplayStore(engine)
        store.create_tables()
        return store

    def test_a_table_that_is_there_is_left_as_it_is(self, store):
        claim(store, "one")
        store.create_tables()
        with pytest.raises(TokenReplayedError):
            claim(store, "one")

    def test_the_application_may_create_the_table_itself(self, engine):
        metadata = MetaData()
        replay_table(metadata)
        metadata.create_all(engine)
        store = SQLReplayStore(engine)
        store.create_tables()
        claim(store, "one")
        assert len(inspect(engine).get_indexes("handoff_replay")) == 1

    def test_an_index_that_is_missing_is_created_as_well(self, store, engine):
        with engine.begin() as connection:
            connection.execute(text("DROP INDEX handoff_replay_by_expiry"))
        store.create_tables()
        assert len(inspect(engine).get_indexes("handoff_replay")) == 1

    def test_the_table_created_in_many_threads_at_once_is_created(self, engine):
        threads = 8
        together = threading.Barrier(threads)

        def create(_):
            together.wait(timeout=PATIENCE)
            SQLReplayStore(engine).create_tables()

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(create, range(threads)))
        SQLReplayStore(engine).ready()

    def test_without_its_table_it_is_unavailable(self, engine):
        store = SQLReplayStore(engine)
        for use in (store.ready, lambda: claim(store, "one")):
            with pytest.raises(ReplayStoreUnavailableError):
                use()

    def test_a_failure_names_its_cause_but_not_the_token(self, engine):
        with pytest.raises(ReplayStoreUnavailableError) as failure:
            claim(SQLReplayStore(engine), "a-token-id")
        texts = f"{failure.value} {failure.value.__cause__}"
        assert "handoff_replay" in texts
        assert "a-token-id" not in texts
        assert ISSUER not in texts

    def test_a_claim_leaves_no_connection_in_use(self, store, engine):
        claim(store, "one")
        with pytest.raises(TokenReplayedError):
            claim(store, "one")
        store.ready()
        assert engine.pool.checkedout() == 0

    @pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
    def test_an_expired_row_that_somebody_holds_keeps_nobody_waiting(self, store, engine):
        claim(store, "an expired one", expires_at=NOW - 1, now=NOW - 100)
        with engine.begin() as holder:
            holder.execute(text("SELECT * FROM handoff_replay FOR UPDATE"))
            claim(store, "one")
        assert is_remembered(store, "an expired one", now=NOW - 100)


class TestEngines:
    """Which engines of SQLAlchemy a store may have."""

    @pytest.mark.parametrize(
        "address",
        [
            "sqlite://",
            "sqlite:///:memory:",
            "sqlite:///file::memory:?cache=shared&uri=true",
            "sqlite:///file:replay?mode=memory&cache=shared&uri=true",
        ],
    )
    def test_a_database_in_memory_is_a_wrong_setting(self, address):
        engine = create_engine(address, poolclass=QueuePool)
        with pytest.raises(ConfigurationError, match="in memory"):
            SQLReplayStore(engine)
        engine.dispose()

    def test_one_connection_for_all_threads_is_a_wrong_setting(self, tmp_path):
        engine = create_engine(f"sqlite:///{tmp_path / 'replay.sqlite3'}", poolclass=StaticPool)
        with pytest.raises(ConfigurationError, match="StaticPool"):
            SQLReplayStore(engine)
        engine.dispose()

    def test_a_connection_for_each_claim_is_right(self, tmp_path):
        engine = create_engine(f"sqlite:///{tmp_path / 'replay.sqlite3'}", poolclass=NullPool)
        store = SQLReplayStore(engine)
        store.create_tables()
        claim(store, "one")
        with pytest.raises(TokenReplayedError):
            claim(store, "one")

    def test_another_kind_of_database_is_a_wrong_setting(self):
        class Driver:
            paramstyle = "format"
            apilevel = "2.0"

        engine = create_engine("mysql://db.example.com/handoff", module=Driver)
        with pytest.raises(ConfigurationError, match="mysql"):
            SQLReplayStore(engine)


def test_a_claim_costs_the_same_among_a_hundred_times_as_many_tokens(tmp_path):
    few, many = (steps_of_a_claim(tmp_path / f"{rows}.sqlite3", rows) for rows in (200, 20_000))
    assert many <= few * 1.1


def steps_of_a_claim(path, rows):
    """Count the steps of SQLite's machine in one claim that sweeps, among so many tokens."""
    steps = 0

    def count():
        nonlocal steps
        steps += 1

    engine = create_engine(f"sqlite:///{path}")
    store = SQLReplayStore(engine)
    store.create_tables()
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO handoff_replay VALUES (?, ?, ?)",
            ((ISSUER, os.urandom(16).hex(), NOW + number % 250 - 125) for number in range(rows)),
        )
    connection.close()
    event.listen(engine, "checkout", lambda raw, *_: raw.set_progress_handler(count, 1))
    claim(store, "one")
    engine.dispose()
    return steps
