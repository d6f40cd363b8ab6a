"""What every store of refresh tokens must do, in memory, in SQLite and in PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from flask_handoff.claims import RefreshFamily
from flask_handoff.errors import (
    RefreshStoreUnavailableError,
    RefreshTokenInvalidError,
    RefreshTokenReusedError,
    TokenRevokedError,
)
from flask_handoff.stores import MemoryRefreshStore
from flask_handoff.stores.sql import SQLRefreshStore

NOW = 1_800_000_000  # seconds since 1970
EXPIRES_AT, FORGET_AT = NOW + 1000, NOW + 1700
HANDLE, OTHER_HANDLE = "a" * 64, "b" * 64
FIRST, SECOND, THIRD, FOURTH = (f"{number}" * 64 for number in range(1, 5))


def instant(seconds):
    return datetime.fromtimestamp(seconds, UTC)


FAMILY = RefreshFamily(
    family_id="f" * 24,
    client_id="reader",
    subject="u-1",
    session_id="sid-1",
    auth_time=instant(NOW - 60),
    scope=frozenset({"openid", "offline_access", "notes:read"}),
    audience="https://notes.example.com",
    access_scope=frozenset({"notes:read"}),
    started_at=instant(NOW),
    used_at=instant(NOW),
)
OTHER = FAMILY._replace(family_id="g" * 24, client_id="wiki")
ACCESS = FAMILY.family_id + "x" * 19  # the identifier of an access token


def start(store, family=FAMILY, handle=HANDLE, *, now=NOW, forget_at=FORGET_AT):
    store.start(
        family,
        handle_sha256=handle,
        token_sha256=FIRST,
        expires_at=EXPIRES_AT,
        forget_at=forget_at,
        now=now,
    )


def rotate(store, presented, successor, *, now=NOW, handle=HANDLE, expires_at=EXPIRES_AT):
    return store.rotate(
        handle,
        presented,
        successor,
        grace=10,
        expires_at=expires_at,
        forget_at=FORGET_AT,
        now=now,
    )


def refusal(store, *arguments, **options):
    with pytest.raises(RefreshTokenInvalidError) as refused:
        rotate(store, *arguments, **options)
    return refused.type


class RefreshStoreContract:
    """A subclass brings the fixture ``store``, empty each time."""

    @pytest.fixture(autouse=True)
    def _family(self, request):
        if "store" in request.fixturenames:
            start(request.getfixturevalue("store"))

    def test_a_family_is_found_as_it_was_kept(self, store):
        assert store.find(HANDLE) == FAMILY
        with pytest.raises(RefreshTokenInvalidError):
            store.find(OTHER_HANDLE)

    def test_each_use_replaces_the_token(self, store):
        assert rotate(store, FIRST, SECOND, now=NOW + 1) == SECOND
        assert rotate(store, SECOND, THIRD, now=NOW + 2) == THIRD
        assert store.find(HANDLE) == FAMILY._replace(used_at=instant(NOW + 2))

    def test_the_parent_brings_the_same_successor_for_ten_seconds(self, store):
        rotate(store, FIRST, SECOND)
        assert rotate(store, FIRST, FOURTH, now=NOW + 10) == SECOND
        assert rotate(store, SECOND, THIRD, now=NOW + 10) == THIRD

    @pytest.mark.parametrize("presented", [FIRST, FOURTH], ids=["an ancestor", "any other"])
    def test_any_but_the_newest_and_its_parent_ends_the_family(self, store, presented):
        rotate(store, FIRST, SECOND)
        rotate(store, SECOND, THIRD)
        store.check_not_revoked(ACCESS)
        assert refusal(store, presented, FOURTH) is RefreshTokenReusedError
        with pytest.raises(TokenRevokedError):
            store.check_not_revoked(ACCESS)
        for token in (FIRST, SECOND, THIRD, FOURTH):
            assert refusal(store, token, FOURTH) is RefreshTokenInvalidError

    def test_the_parent_ends_the_family_after_ten_seconds(self, store):
        rotate(store, FIRST, SECOND)
        assert refusal(store, FIRST, SECOND, now=NOW + 11) is RefreshTokenReusedError
        assert refusal(store, SECOND, THIRD, now=NOW + 11) is RefreshTokenInvalidError

    def test_a_token_is_good_for_its_last_second_only(self, store):
        last = EXPIRES_AT - 1
        rotate(store, FIRST, SECOND, now=last, expires_at=EXPIRES_AT + 5)
        assert refusal(store, SECOND, THIRD, now=EXPIRES_AT + 5) is RefreshTokenInvalidError
        assert refusal(store, FIRST, THIRD, now=EXPIRES_AT + 5) is RefreshTokenInvalidError
        assert refusal(store, FOURTH, THIRD, now=EXPIRES_AT + 5) is RefreshTokenInvalidError
        store.check_not_revoked(ACCESS)

    def test_to_ask_until_when_a_token_is_good_uses_none(self, store):
        until = {"grace": 10, "now": NOW + 10}
        assert store.good_until(HANDLE, FIRST, **until) == EXPIRES_AT
        rotate(store, FIRST, SECOND, expires_at=EXPIRES_AT + 5)
        for token in (FIRST, SECOND):
            assert store.good_until(HANDLE, token, **until) == EXPIRES_AT + 5
        refused = [
            (HANDLE, FIRST, NOW + 11),
            (HANDLE, THIRD, NOW),
            (HANDLE, SECOND, EXPIRES_AT + 5),
            (OTHER_HANDLE, SECOND, NOW),
        ]
        for handle, token, now in refused:
            with pytest.raises(RefreshTokenInvalidError):
                store.good_until(handle, token, grace=10, now=now)
        store.check_not_revoked(ACCESS)
        assert rotate(store, SECOND, THIRD, now=NOW + 11) == THIRD
        store.end(family_id=FAMILY.family_id)
        with pytest.raises(RefreshTokenInvalidError):
            store.good_until(HANDLE, THIRD, grace=10, now=NOW + 11)

    def test_an_unknown_handle_is_refused(self, store):
        assert refusal(store, FIRST, SECOND, handle=OTHER_HANDLE) is RefreshTokenInvalidError

    @pytest.mark.parametrize(
        "which",
        [
            {"family_id": FAMILY.family_id},
            {"subject": "u-1", "client_id": "reader"},
            {"subject": "u-1", "family_id": FAMILY.family_id},
        ],
    )
    def test_what_is_named_ends_and_nothing_else(self, store, which):
        start(store, OTHER, OTHER_HANDLE)
        assert store.end(**which) == [FAMILY]
        assert store.end(**which) == []
        assert refusal(store, FIRST, SECOND) is RefreshTokenInvalidError
        with pytest.raises(TokenRevokedError):
            store.check_not_revoked(ACCESS)
        store.check_not_revoked(OTHER.family_id + "x" * 19)
        assert rotate(store, FIRST, SECOND, handle=OTHER_HANDLE) == SECOND

    def test_all_of_an_account_end_together(self, store):
        start(store, OTHER, OTHER_HANDLE)
        start(store, FAMILY._replace(family_id="h" * 24, subject="u-2"), "c" * 64)
        assert {family.family_id for family in store.end(subject="u-1")} == {"f" * 24, "g" * 24}
        assert rotate(store, FIRST, SECOND, handle="c" * 64) == SECOND

    def test_all_of_a_client_end_together(self, store):
        start(store, FAMILY._replace(family_id="h" * 24, subject="u-2"), "c" * 64)
        start(store, FAMILY._replace(family_id="g" * 24, client_id="other"), OTHER_HANDLE)
        ended = store.end(client_id=FAMILY.client_id)
        assert {family.family_id for family in ended} == {"f" * 24, "h" * 24}
        assert rotate(store, FIRST, SECOND, handle=OTHER_HANDLE) == SECOND

    def test_to_end_what_is_not_named_is_an_error(self, store):
        with pytest.raises(ValueError, match="neither"):
            store.end()
        assert rotate(store, FIRST, SECOND) == SECOND

    def test_the_living_families_of_an_account_are_listed(self, store):
        start(store, OTHER, OTHER_HANDLE)
        start(store, FAMILY._replace(family_id="h" * 24), "c" * 64)
        start(store, FAMILY._replace(family_id="i" * 24, subject="u-2"), "d" * 64)
        rotate(store, FIRST, SECOND, handle=OTHER_HANDLE, now=NOW + 5)
        store.end(family_id="h" * 24)
        listed = store.families_of("u-1", now=NOW + 5)
        assert listed == [OTHER._replace(used_at=instant(NOW + 5)), FAMILY]
        assert store.families_of("u-1", now=EXPIRES_AT) == []

    def test_a_token_that_is_not_known_is_not_revoked(self, store):
        store.check_not_revoked("unknown")

    def test_of_many_at_once_all_get_one_successor(self, store):
        threads = 8
        presented = FIRST
        for turn in range(5):
            successor, together = f"{turn}e" * 32, threading.Barrier(threads)

            def refresh(_, presented=presented, successor=successor, together=together):
                together.wait(timeout=60)
                return rotate(store, presented, successor)

            with ThreadPoolExecutor(threads) as pool:
                assert set(pool.map(refresh, range(threads))) == {successor}
            presented = successor

    def test_a_store_that_is_asked_whether_it_is_ready_is_left_as_it_was(self, store):
        start(store, OTHER, OTHER_HANDLE, forget_at=0, now=0)
        store.ready()
        assert store.find(OTHER_HANDLE) == OTHER


class TestMemoryRefreshStore(RefreshStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryRefreshStore()

    def test_a_full_store_starts_no_family_and_forgets_no_living_one(self):
        store = MemoryRefreshStore(capacity=1)
        start(store)
        with pytest.raises(RefreshStoreUnavailableError):
            start(store, OTHER, OTHER_HANDLE, now=FORGET_AT)
        assert store.find(HANDLE) == FAMILY
        start(store, OTHER, OTHER_HANDLE, now=FORGET_AT + 1)


class TestSQLRefreshStore(RefreshStoreContract):
    """A subclass brings the fixture ``engine``."""

    @pytest.fixture
    def store(self, engine):
        store = SQLRefreshStore(engine)
        store.create_tables()
        return store

    def test_families_are_forgotten_when_others_come(self, store):
        store.end(family_id=FAMILY.family_id)
        start(store, OTHER, OTHER_HANDLE, now=FORGET_AT)
        with pytest.raises(TokenRevokedError):
            store.check_not_revoked(ACCESS)
        start(store, OTHER._replace(family_id="h" * 24), "c" * 64, now=FORGET_AT + 1)
        store.check_not_revoked(ACCESS)
        with pytest.raises(RefreshTokenInvalidError):
            store.find(HANDLE)

    def test_without_its_table_it_is_unavailable_and_says_no_secret(self, engine):
        store = SQLRefreshStore(engine)
        for use in (
            store.ready,
            lambda: start(store),
            lambda: store.find(HANDLE),
            lambda: rotate(store, FIRST, SECOND),
            lambda: store.end(family_id=FAMILY.family_id),
            lambda: store.families_of("u-1", now=NOW),
            lambda: store.check_not_revoked(ACCESS),
        ):
            with pytest.raises(RefreshStoreUnavailableError) as failure:
                use()
            texts = f"{failure.value} {failure.value.__cause__}"
            for secret in (HANDLE, FIRST, ACCESS, FAMILY.family_id):
                assert secret not in texts

    def test_what_a_lent_transaction_undoes_is_not_used(self, store, engine):
        with pytest.raises(ZeroDivisionError), engine.begin() as connection:
            lent = SQLRefreshStore(engine, transaction=lambda: nullcontext(connection))
            rotate(lent, FIRST, SECOND)
            raise ZeroDivisionError
        assert rotate(store, FIRST, THIRD, now=NOW + 60) == THIRD

    def test_a_family_keeps_one_row_and_no_token(self, store, engine):
        rotate(store, FIRST, SECOND)
        rotate(store, SECOND, THIRD)
        with engine.connect() as connection:
            [row] = connection.execute(text("SELECT * FROM handoff_refresh_families")).mappings()
        assert set(row) == {
            *FAMILY._fields,
            *("handle_sha256", "token_sha256", "parent_sha256"),
            *("expires_at", "forget_at", "ended"),
        }
        assert FIRST not in row.values()
