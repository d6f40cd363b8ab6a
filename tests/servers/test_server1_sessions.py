import pytest

from server1.accounts.users import users
from tests.servers.accounts_visitor import Visitor, hidden_fields


@pytest.fixture
def visitor1(accounts_on):
    visitor = Visitor(accounts_on)
    visitor.sign_in()
    return visitor


def test_a_session_lives_through_30_idle_minutes_and_not_longer(visitor1, clock):
    clock.tick(minutes=29, seconds=59)
    assert visitor1.is_signed_in
    clock.tick(minutes=30)
    assert not visitor1.is_signed_in


def test_a_session_lives_12_hours_and_not_longer_however_busy_it_is(visitor1, clock):
    for _ in range(12 * 3 - 1):
        clock.tick(minutes=20)
        assert visitor1.is_signed_in
    clock.tick(minutes=19, seconds=59)
    assert visitor1.is_signed_in
    clock.tick(seconds=1)
    assert not visitor1.is_signed_in


def test_the_last_use_is_written_once_a_minute_at_most(accounts_on, visitor1, clock):
    (opened,) = accounts_on.session_rows()
    clock.tick(seconds=59)
    visitor1.get("/")
    assert accounts_on.session_rows() == [opened]
    clock.tick(seconds=1)
    visitor1.get("/")
    (used,) = accounts_on.session_rows()
    assert used.last_seen_at == clock()


def test_a_clock_put_back_makes_no_session_last_longer(accounts_on, visitor1, clock):
    clock.tick(hours=-1)
    visitor1.get("/")
    (used,) = accounts_on.session_rows()
    assert used.last_seen_at == clock()


def test_sessions_that_are_over_are_cleared_away_by_later_sign_ins(accounts_on, visitor1, clock):
    (over,) = accounts_on.session_rows()
    clock.tick(minutes=30)
    Visitor(accounts_on).sign_in()
    assert over.id_sha256 not in [row.id_sha256 for row in accounts_on.session_rows()]


def test_a_person_may_be_signed_in_on_two_browsers(accounts_on, visitor1):
    other = Visitor(accounts_on)
    other.sign_in()
    other.sign_out()
    assert visitor1.is_signed_in


def test_disabling_an_account_ends_its_sessions_at_once(accounts_on, visitor1):
    accounts_on.disable()
    assert not visitor1.is_signed_in
    assert visitor1.authorize().location.startswith("/login")


def test_a_disabled_account_is_not_signed_in_even_where_its_session_is_left(accounts_on, visitor1):
    with accounts_on.database.writing() as connection:
        connection.execute(users.update().values(disabled=True))
    assert len(accounts_on.session_rows()) == 1
    assert not visitor1.is_signed_in


def test_enabling_an_account_again_does_not_revive_its_sessions(accounts_on, visitor1):
    accounts_on.disable()
    accounts_on.run("users", "enable", "ada@example.com")
    assert not visitor1.is_signed_in
    visitor1.sign_in()
    assert visitor1.is_signed_in


def test_signing_out_ends_the_session_for_whoever_kept_the_cookie(accounts_on, visitor1):
    stolen = visitor1.cookie
    answer = visitor1.sign_out()
    assert (answer.status_code, answer.location) == (303, "/logout")
    assert accounts_on.session_rows() == []
    thief = Visitor(accounts_on)
    thief.cookie = stolen
    assert not thief.is_signed_in


def test_signing_out_replaces_the_cookie(visitor1):
    before = visitor1.cookie
    visitor1.sign_out()
    assert visitor1.cookie
    assert visitor1.cookie != before


def test_a_link_to_the_sign_out_page_only_asks(visitor1):
    page = visitor1.get("/logout")
    assert "Sign out?" in page.text
    assert visitor1.is_signed_in


def test_the_sign_out_page_says_so_when_nobody_is_signed_in(browser1):
    page = browser1.get("/logout")
    assert "You are signed out" in page.text
    assert "<form" not in page.text
    assert "services" not in page.text


def test_signing_out_twice_is_no_error(accounts_on, visitor1):
    other_tab = hidden_fields(visitor1.get("/").text)
    visitor1.sign_out()
    # The other tab's form belongs to the session that is gone.
    assert visitor1.post("/logout", other_tab).status_code == 403
    assert visitor1.submit("/logout", page="/login").status_code == 303
