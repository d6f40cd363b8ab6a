"""What every store of revoked access tokens must do, in memory, in SQLite and in PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from sqlalchemy import inspect, text

from flask_handoff.errors import RevokedTokenStoreUnavailableError, TokenRevokedError
from flask_handoff.stores import MemoryRevokedTokenStore
from flask_handoff.stores.sql import SQLRevokedTokenStore

NOW = 1_800_000_000  # seconds since 1970
ONE, OTHER = "j" * 43, "k" * 43


def is_revoked(store, jwt_id):
    try:
        store.check_not_revoked(jwt_id)
    except TokenRevokedError:
        return True
    return False


class RevokedTokenStoreContract:
    """A subclass brings the fixture ``store``, empty each time."""

    def test_one_token_is_revoked_and_no_other(self, store):
        assert not is_revoked(store, ONE)
        assert store.revoke(ONE, forget_at=NOW + 665, now=NOW)
        assert is_revoked(store, ONE)
        assert not is_revoked(store, OTHER)

    def test_a_second_revocation_changes_nothing(self, store):
        store.revoke(ONE, forget_at=NOW + 665, now=NOW)
        assert not store.revoke(ONE, forget_at=NOW + 665, now=NOW)
        assert is_revoked(store, ONE)

    def test_of_many_at_once_one_is_the_first(self, store):
        with ThreadPoolExecutor(8) as threads:
            outcomes = threads.map(
                lambda _: store.revoke(ONE, forget_at=NOW + 665, now=NOW), range(20)
            )
        assert sorted(outcomes) == [False] * 19 + [True]

    def test_tokens_are_forgotten_when_others_come(self, store):
        store.revoke(ONE, forget_at=NOW, now=NOW)
        store.revoke(OTHER, forget_at=NOW + 665, now=NOW)
        assert is_revoked(store, ONE)
        store.revoke("l" * 43, forget_at=NOW + 665, now=NOW + 1)
        assert not is_revoked(store, ONE)
        assert is_revoked(store, OTHER)

    def test_a_store_that_is_asked_whether_it_is_ready_is_left_as_it_was(self, store):
        store.revoke(ONE, forget_at=60, now=0)
        store.ready()
        assert is_revoked(store, ONE)


class TestMemoryRevokedTokenStore(RevokedTokenStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryRevokedTokenStore()

    def test_a_full_store_revokes_none_and_forgets_none(self):
        store = MemoryRevokedTokenStore(capacity=1)
        store.revoke(ONE, forget_at=NOW + 665, now=NOW)
        with pytest.raises(RevokedTokenStoreUnavailableError):
            store.revoke(OTHER, forget_at=NOW + 665, now=NOW)
        assert is_revoked(store, ONE)
        assert store.revoke(OTHER, forget_at=NOW + 1000, now=NOW + 666)


class TestSQLRevokedTokenStore(RevokedTokenStoreContract):
    """A subclass brings the fixture ``engine``."""

    @pytest.fixture
    def store(self, engine):
        store = SQLRevokedTokenStore(engine)
        store.create_tables()
        return store

    def test_the_index_for_forgetting_is_made(self, store, engine):
        indexes = inspect(engine).get_indexes("handoff_revoked_tokens")
        assert ["forget_at"] in [index["column_names"] for index in indexes]

    def test_without_its_table_it_is_unavailable_and_says_no_token(self, engine):
        store = SQLRevokedTokenStore(engine)
        for use in (
            store.ready,
            lambda: store.revoke(ONE, forget_at=NOW, now=NOW),
            lambda: store.check_not_revoked(ONE),
        ):
            with pytest.raises(RevokedTokenStoreUnavailableError) as failure:
                use()
            assert ONE not in f"{failure.value} {failure.value.__cause__}"

    def test_what_a_lent_transaction_undoes_is_not_revoked(self, store, engine):
        with pytest.raises(ZeroDivisionError):
            undone(engine)
        assert not is_revoked(store, ONE)


def undone(engine):
    """Revoke a token in a transaction that fails afterwards."""
    with engine.begin() as connection:
        lent = SQLRevokedTokenStore(engine, transaction=lambda: nullcontext(connection))
        assert lent.revoke(ONE, forget_at=NOW, now=NOW)
        assert connection.execute(text("SELECT count(*) FROM handoff_revoked_tokens")).scalar() == 1
        raise ZeroDivisionError
