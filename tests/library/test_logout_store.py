from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import MetaData, inspect, text

from flask_handoff.claims import HandoffClaims, Logout
from flask_handoff.errors import ReplayStoreUnavailableError, SessionEndedError
from flask_handoff.stores import LogoutStore, MemoryReplayStore
from flask_handoff.stores.sql import SQLReplayStore, logout_table, replay_table

ISSUER = "https://server1.example.com"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def note(
    store, *, session_id=None, subject=None, ended=0, goes_on=None, issuer=ISSUER, forget=185, now=0
):
    """Note a logout; times are seconds from ``NOW`` on."""
    valid_after = None if goes_on is None else NOW + timedelta(seconds=goes_on)
    logout = Logout(issuer, subject, session_id, NOW + timedelta(seconds=ended), valid_after)
    second = int(NOW.timestamp())
    store.note_logout(logout, expires_at=second + forget, now=second + now)


def handoff(*, session_id="s", subject="u", issued=0, issuer=ISSUER):
    issued_at = NOW + timedelta(seconds=issued)
    return HandoffClaims(
        issuer=issuer,
        subject=subject,
        audience="notes",
        issued_at=issued_at,
        expires_at=issued_at + timedelta(seconds=60),
        nonce="n" * 43,
        jwt_id="j" * 43,
        session_id=session_id,
        auth_time=None,
        scope=frozenset(),
        name=None,
        email=None,
        email_verified=False,
        kid="k",
    )


def is_over(store, **claims):
    try:
        store.check_session(handoff(**claims))
    except SessionEndedError:
        return True
    return False


class LogoutStoreContract:
    """What every store must do. A subclass brings the fixture ``store``, empty each time."""

    def test_it_is_one(self, store):
        assert isinstance(store, LogoutStore)

    def test_a_session_of_which_nothing_was_noted_goes_on(self, store):
        assert not is_over(store)

    def test_a_handoff_from_before_the_end_of_its_session_does_not_count(self, store):
        note(store, session_id="s", subject="u")
        assert is_over(store, issued=-1)
        assert not is_over(store, issued=-1, session_id="another")

    @pytest.mark.parametrize("issued", [-3600, 0, 1, 3600])
    def test_a_session_that_was_named_is_over_whatever_the_dates_say(self, store, issued):
        note(store, session_id="s", subject="u")
        assert is_over(store, issued=issued)
        assert not is_over(store, session_id="another", issued=issued)

    def test_a_handoff_of_the_very_second_does_not_count(self, store):
        note(store, subject="u")
        assert is_over(store, issued=0)
        assert not is_over(store, issued=1)

    def test_when_the_account_is_named_all_of_its_sessions_are_meant(self, store):
        note(store, subject="u")
        assert is_over(store, session_id="s")
        assert is_over(store, session_id="another")
        assert is_over(store, session_id=None)
        assert not is_over(store, subject="v")

    def test_a_session_that_began_after_the_end_of_the_account_s_others_goes_on(self, store):
        note(store, subject="u", ended=-30)
        assert not is_over(store, issued=-29)

    def test_of_a_session_that_goes_on_only_what_was_before_is_dead(self, store):
        note(store, session_id="s", subject="u", goes_on=1)
        assert is_over(store, issued=0)
        assert not is_over(store, issued=1)
        assert not is_over(store, session_id="another", issued=0)

    def test_of_two_cuts_of_a_session_the_later_one_counts(self, store):
        note(store, session_id="s", goes_on=2)
        note(store, session_id="s", goes_on=1)
        assert is_over(store, issued=1)
        assert not is_over(store, issued=2)

    def test_a_session_that_went_on_ends_for_good_all_the_same(self, store):
        note(store, session_id="s")
        note(store, session_id="s", goes_on=1)
        assert is_over(store, issued=3600)

    def test_a_session_is_not_taken_for_an_account_of_the_same_name(self, store):
        note(store, session_id="same")
        assert not is_over(store, session_id="s", subject="same")

    def test_another_issuer_s_session_of_the_same_name_goes_on(self, store):
        note(store, session_id="s", subject="u")
        assert not is_over(store, issuer="https://other.example.com")

    @pytest.mark.parametrize("first", [-30, 0])
    def test_of_two_log_outs_the_later_one_counts(self, store, first):
        note(store, subject="u", ended=first)
        note(store, subject="u", ended=-30 - first)
        assert is_over(store, issued=0)
        assert not is_over(store, issued=1)

    def test_the_error_says_when_it_ended(self, store):
        note(store, subject="u", ended=-3)
        with pytest.raises(SessionEndedError) as refused:
            store.check_session(handoff(issued=-5))
        assert refused.value.ended_at == NOW - timedelta(seconds=3)
        assert refused.value.code == "session_ended"

    def test_a_log_out_is_remembered_to_the_end_of_its_last_second(self, store):
        note(store, session_id="s", forget=10)
        note(store, session_id="another", now=10)
        assert is_over(store)

    def test_a_log_out_is_forgotten_when_another_one_is_noted_after_its_time(self, store):
        note(store, session_id="s", forget=10)
        note(store, session_id="another", now=11)
        assert not is_over(store)

    @pytest.mark.parametrize(
        "name", ["'; DROP TABLE handoff_logouts", "%s", ":now", "ß", "x" * 255]
    )
    def test_a_name_is_only_a_text(self, store, name):
        note(store, session_id=name)
        assert is_over(store, session_id=name)
        assert not is_over(store, session_id=name[1:])


class TestMemory(LogoutStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryReplayStore()


class TestSQL(LogoutStoreContract):
    """What a store in a database must do besides."""

    @pytest.fixture
    def store(self, engine):
        store = SQLReplayStore(engine)
        store.create_tables()
        return store

    def test_each_process_knows_what_another_has_noted(self, store, engine):
        note(store, session_id="s")
        assert is_over(SQLReplayStore(engine))

    def test_the_application_may_create_the_table_itself(self, engine):
        metadata = MetaData()
        replay_table(metadata)
        logout_table(metadata)
        metadata.create_all(engine)
        store = SQLReplayStore(engine)
        note(store, session_id="s")
        store.create_tables()
        assert is_over(store)
        assert len(inspect(engine).get_indexes("handoff_logouts")) == 1

    def test_a_log_out_sweeps_the_two_that_expired_first(self, store, engine):
        for age in (3, 1, 4, 2):
            note(store, session_id=f"expired for {age} s", forget=-age, now=-100)
        note(store, session_id="a new one")
        with engine.connect() as connection:
            left = connection.execute(text("SELECT value FROM handoff_logouts")).scalars()
            assert {*left} == {"expired for 1 s", "expired for 2 s", "a new one"}

    def test_without_its_table_it_is_unavailable(self, engine):
        store = SQLReplayStore(engine)
        for use in (lambda: note(store, session_id="s"), lambda: is_over(store)):
            with pytest.raises(ReplayStoreUnavailableError):
                use()

    def test_it_leaves_no_connection_in_use(self, store, engine):
        note(store, session_id="s")
        assert is_over(store)
        assert engine.pool.checkedout() == 0
