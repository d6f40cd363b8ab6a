"""What every store of authorization codes must do, in memory, in SQLite and in PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect, text

from flask_handoff.claims import CodeGrant
from flask_handoff.errors import (
    CodeInvalidError,
    CodeReplayedError,
    CodeStoreUnavailableError,
    TokenRevokedError,
)
from flask_handoff.stores import MemoryCodeStore
from flask_handoff.stores.sql import SQLCodeStore

NOW = 1_800_000_000  # seconds since 1970
ONE, OTHER = "1" * 64, "2" * 64
GRANT = CodeGrant(
    client_id="wiki",
    redirect_uri="https://wiki.example.com/callback",
    code_challenge="c" * 43,
    nonce="a nonce: %(x)s '?",
    subject="u-1",
    session_id="sid-1",
    auth_time=datetime.fromtimestamp(NOW - 60, UTC),
    scope=frozenset({"openid", "profile", "notes:read"}),
    audience="https://notes.example.com",
    access_scope=frozenset({"notes:read"}),
    jwt_id="j" * 43,
    issued_at=datetime.fromtimestamp(NOW - 1, UTC),
)


def keep(store, code_sha256=ONE, grant=GRANT, *, expires_at=NOW + 60, forget_at=NOW + 725, now=NOW):
    store.keep(code_sha256, grant, expires_at=expires_at, forget_at=forget_at, now=now)


class CodeStoreContract:
    """A subclass brings the fixture ``store``, empty each time."""

    @pytest.mark.parametrize(
        "grant",
        [
            GRANT,
            GRANT._replace(code_challenge=None, nonce=None, access_scope=frozenset()),
        ],
        ids=["everything", "no challenge, no nonce, no access"],
    )
    def test_a_code_stands_for_what_was_kept(self, store, grant):
        keep(store, grant=grant)
        assert store.redeem(ONE, now=NOW + 59) == grant

    def test_a_code_is_good_for_its_last_second_only(self, store):
        keep(store)
        with pytest.raises(CodeInvalidError) as refused:
            store.redeem(ONE, now=NOW + 60)
        assert refused.type is CodeInvalidError

    def test_an_unknown_code_stands_for_nothing(self, store):
        keep(store)
        with pytest.raises(CodeInvalidError) as refused:
            store.redeem(OTHER, now=NOW)
        assert refused.type is CodeInvalidError

    def test_a_second_use_revokes_what_the_first_one_brought(self, store):
        keep(store)
        keep(store, OTHER, GRANT._replace(jwt_id="k" * 43))
        store.redeem(ONE, now=NOW)
        store.redeem(OTHER, now=NOW)
        store.check_not_revoked(GRANT.jwt_id)
        with pytest.raises(CodeReplayedError):
            store.redeem(ONE, now=NOW + 600)
        with pytest.raises(TokenRevokedError):
            store.check_not_revoked(GRANT.jwt_id)
        store.check_not_revoked("k" * 43)
        with pytest.raises(CodeReplayedError):
            store.redeem(ONE, now=NOW + 600)

    def test_a_token_that_is_not_known_is_not_revoked(self, store):
        store.check_not_revoked("unknown")

    def test_a_replay_is_noticed_until_the_code_is_forgotten(self, store):
        keep(store, forget_at=NOW + 725)
        store.redeem(ONE, now=NOW)
        keep(store, OTHER, GRANT._replace(jwt_id="k" * 43), now=NOW + 725)
        with pytest.raises(CodeReplayedError):
            store.redeem(ONE, now=NOW + 725)

    def test_codes_are_forgotten_when_others_come(self, store):
        keep(store, forget_at=NOW)
        store.redeem(ONE, now=NOW)
        keep(store, OTHER, GRANT._replace(jwt_id="k" * 43), now=NOW + 1)
        with pytest.raises(CodeInvalidError) as refused:
            store.redeem(ONE, now=NOW + 1)
        assert refused.type is CodeInvalidError

    def test_of_many_at_once_one_wins_and_what_it_got_is_revoked(self, store):
        threads = 8
        for turn in range(5):
            code, jwt_id = f"{turn}" * 64, f"{turn}" * 43
            keep(store, code, GRANT._replace(jwt_id=jwt_id))
            together = threading.Barrier(threads)

            def redeem(_, code=code, together=together):
                together.wait(timeout=60)
                try:
                    store.redeem(code, now=NOW)
                except CodeReplayedError:
                    return "replayed"
                return "won"

            with ThreadPoolExecutor(threads) as pool:
                outcomes = sorted(pool.map(redeem, range(threads)))
            assert outcomes == ["replayed"] * (threads - 1) + ["won"]
            with pytest.raises(TokenRevokedError):
                store.check_not_revoked(jwt_id)

    def test_what_a_user_takes_back_from_a_client_ends(self, store):
        third = "3" * 64
        keep(store)
        keep(store, OTHER, GRANT._replace(jwt_id="k" * 43))
        keep(store, third, GRANT._replace(jwt_id="l" * 43, client_id="other"))
        keep(store, "4" * 64, GRANT._replace(jwt_id="m" * 43, subject="u-2"))
        for code in (ONE, third):
            store.redeem(code, now=NOW)
        store.end(subject=GRANT.subject, client_id=GRANT.client_id)
        with pytest.raises(TokenRevokedError):
            store.check_not_revoked(GRANT.jwt_id)
        with pytest.raises(CodeInvalidError) as refused:
            store.redeem(OTHER, now=NOW)
        assert refused.type is CodeInvalidError  # nobody has used it twice
        store.check_not_revoked("l" * 43)
        assert store.redeem("4" * 64, now=NOW).subject == "u-2"

    @pytest.mark.parametrize(
        "which", [{"client_id": GRANT.client_id}, {"subject": "u-2", "audience": GRANT.audience}]
    )
    def test_codes_end_by_their_client_or_by_their_audience(self, store, which):
        named = GRANT._replace(jwt_id="m" * 43, subject="u-2")
        keep(store, ONE, named)
        keep(store, OTHER, named._replace(jwt_id="k" * 43, client_id="other", audience="urn:other"))
        store.end(**which)
        with pytest.raises(CodeInvalidError):
            store.redeem(ONE, now=NOW)
        assert store.redeem(OTHER, now=NOW).client_id == "other"

    def test_codes_of_nobody_are_not_ended(self, store):
        with pytest.raises(ValueError, match="neither"):
            store.end(audience=GRANT.audience)

    def test_a_store_that_is_asked_whether_it_is_ready_is_left_as_it_was(self, store):
        keep(store, expires_at=60, forget_at=60, now=0)
        store.ready()
        assert store.redeem(ONE, now=0) == GRANT


class TestMemoryCodeStore(CodeStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryCodeStore()

    def test_a_full_store_issues_no_code_and_forgets_none(self):
        store = MemoryCodeStore(capacity=1)
        keep(store)
        with pytest.raises(CodeStoreUnavailableError):
            keep(store, OTHER)
        assert store.redeem(ONE, now=NOW) == GRANT
        keep(store, OTHER, now=NOW + 726)


class TestSQLCodeStore(CodeStoreContract):
    """A subclass brings the fixture ``engine``."""

    @pytest.fixture
    def store(self, engine):
        store = SQLCodeStore(engine)
        store.create_tables()
        return store

    def test_the_index_for_forgetting_is_made(self, store, engine):
        indexes = inspect(engine).get_indexes("handoff_codes")
        assert ["forget_at"] in [index["column_names"] for index in indexes]

    def test_without_its_table_it_is_unavailable_and_says_no_secret(self, engine):
        store = SQLCodeStore(engine)
        for use in (
            store.ready,
            lambda: keep(store),
            lambda: store.redeem(ONE, now=NOW),
            lambda: store.check_not_revoked("a-token-id"),
        ):
            with pytest.raises(CodeStoreUnavailableError) as failure:
                use()
            texts = f"{failure.value} {failure.value.__cause__}"
            assert ONE not in texts
            assert "a-token-id" not in texts

    def test_a_refusal_in_a_lent_transaction_is_kept_with_it(self, engine):
        SQLCodeStore(engine).create_tables()
        store = SQLCodeStore(engine, transaction=engine.begin)
        keep(store)
        store.redeem(ONE, now=NOW)
        with pytest.raises(CodeReplayedError):
            store.redeem(ONE, now=NOW)
        with pytest.raises(TokenRevokedError):
            store.check_not_revoked(GRANT.jwt_id)

    def test_what_a_lent_transaction_undoes_is_not_spent(self, engine):
        SQLCodeStore(engine).create_tables()
        with engine.begin() as connection:
            lent = SQLCodeStore(engine, transaction=lambda: nullcontext(connection))
            keep(lent)
        with pytest.raises(ZeroDivisionError), engine.begin() as connection:
            assert lent.redeem(ONE, now=NOW) == GRANT
            raise ZeroDivisionError
        assert SQLCodeStore(engine).redeem(ONE, now=NOW) == GRANT

    def test_no_code_stands_in_the_database(self, store, engine):
        keep(store)
        with engine.connect() as connection:
            [row] = connection.execute(text("SELECT * FROM handoff_codes")).mappings()
        assert set(row) == {
            *GRANT._fields,
            *("code_sha256", "expires_at", "forget_at", "redeemed", "replayed"),
        }
