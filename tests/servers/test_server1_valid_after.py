"""Since when what was issued counts: cuts at SERVER1, by one machine or by several."""

import base64
import json
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select

from server1.accounts import valid_after
from server1.accounts.valid_after import KEPT, SESSION_KEPT, TRUSTED_AHEAD
from server1.audit import Event
from tests.servers.accounts_visitor import EMAIL, Visitor, running_accounts
from tests.servers.audit_log import record, rows, writing
from tests.servers.notes_visitor import FakeClock
from tests.servers.test_server1_app_access import first_tokens, is_alive
from tests.servers.test_server1_consent import SETTINGS, userinfo

A_SECOND = timedelta(seconds=1)
CUTS = {
    "everybody": valid_after.cut_everybody,
    "client": lambda connection: valid_after.cut_client(connection, "wiki"),
    "user": lambda connection: valid_after.cut_user(connection, "ada"),
    "user at client": lambda connection: valid_after.cut_user(connection, "ada", client_id="wiki"),
    "session": lambda connection: valid_after.cut_sessions(connection, "ada", ["s-1"]),
}
ASKED = {
    "everybody": ("terminal", "grace", None),
    "client": ("wiki", "grace", "s-2"),
    "user": ("terminal", "ada", "s-2"),
    "user at client": ("wiki", "ada", None),
    "session": ("terminal", "ada", "s-1"),
}
MEANT_BY = {
    "everybody": set(ASKED),
    "client": {"client", "user at client"},
    "user": {"user", "user at client", "session"},
    "user at client": {"user at client"},
    "session": {"session"},
}


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, made_environment):
    made = {**made_environment, **SETTINGS}
    if request.param == "postgresql":
        made["SERVER1_DATABASE_URL"] = request.getfixturevalue("server1_postgresql_url")
    return made


@pytest.fixture
def accounts(settings, clock, kept_applications):
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


@contextmanager
def machine(settings, **ahead):
    """Run SERVER1 on the same database, by a clock of its own."""
    clock = FakeClock()
    clock.tick(**ahead)
    with running_accounts(settings, clock) as running:
        yield running


def cut(accounts, make=CUTS["everybody"]):
    with writing(accounts) as connection:
        return make(connection)


def latest(accounts, *asked):
    with accounts.database.reading() as connection:
        return valid_after.latest(connection, *asked)


def kept(accounts):
    with accounts.database.reading() as connection:
        return connection.execute(
            select(func.count()).select_from(valid_after.valid_after)
        ).scalar()


def issued_at(location):
    token = parse_qs(urlsplit(location).query)["id_token"][0]
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["iat"]


def handed_on(accounts):
    """Sign in and enter Notes, and return the date of the token that led there."""
    visitor = Visitor(accounts)
    visitor.sign_in()
    return issued_at(visitor.authorize().location)


@pytest.mark.parametrize("kind", CUTS)
def test_each_cut_holds_for_what_it_names(accounts, clock, kind):
    clock.tick(seconds=0.4)
    instant = cut(accounts, CUTS[kind])
    assert instant == clock().replace(microsecond=0) + A_SECOND
    for asked, names in ASKED.items():
        assert latest(accounts, *names) == (instant if asked in MEANT_BY[kind] else None), asked


def test_the_latest_of_all_cuts_counts(accounts, clock):
    cut(accounts)
    clock.tick(seconds=1)
    later = cut(accounts, CUTS["user"])
    clock.tick(seconds=-1)
    assert latest(accounts, "wiki", "ada", "s-1") == later
    cut(accounts, CUTS["user"])
    assert latest(accounts, "wiki", "ada", "s-1") == later, "an earlier one takes nothing back"


def test_a_cut_survives_a_restart(settings, accounts, clock):
    visitor = Visitor(accounts)
    visitor.sign_in()
    tokens = first_tokens(visitor)
    cut(accounts)
    with running_accounts(settings, clock) as restarted:
        assert not is_alive(restarted, tokens)


def test_cuts_are_forgotten_when_nothing_from_before_is_left(accounts, clock):
    cut(accounts, CUTS["session"])
    cut(accounts, CUTS["user"])
    clock.tick(seconds=SESSION_KEPT.total_seconds() + 2)
    cut(accounts, CUTS["client"])
    assert kept(accounts) == 2
    clock.tick(seconds=KEPT.total_seconds() + 2)
    cut(accounts)
    assert kept(accounts) == 1


def test_what_a_machine_ahead_issued_just_before_is_dead(settings, accounts):
    subject = accounts.find().subject
    with machine(settings, seconds=4) as ahead:
        date = handed_on(ahead)
    assert date == int(accounts.clock().timestamp()) + 4
    with writing(accounts) as connection:
        instant = valid_after.cut_user(connection, subject)
    assert int(instant.timestamp()) == date + 1
    for make in (CUTS["everybody"], CUTS["client"]):
        assert int(cut(accounts, make).timestamp()) == date + 1


def test_what_a_machine_behind_issues_next_waits_and_lives(settings, accounts):
    subject = accounts.find().subject
    with machine(settings, seconds=4) as ahead, writing(ahead) as connection:
        instant = valid_after.cut_user(connection, subject)
    before = accounts.clock()
    assert handed_on(accounts) == int(instant.timestamp())
    assert accounts.clock() - before == 5 * A_SECOND


def test_a_broken_clock_locks_nobody_out(settings, accounts):
    with machine(settings, hours=1) as broken:
        record(broken, Event.NAME_CHANGED, subject=broken.find().subject)
    assert cut(accounts) == accounts.clock() + A_SECOND
    with machine(settings, seconds=TRUSTED_AHEAD.total_seconds()) as ahead:
        record(ahead)
    assert cut(accounts) == accounts.clock() + TRUSTED_AHEAD + A_SECOND


def test_beyond_five_seconds_it_says_to_come_back(settings, accounts):
    visitor = Visitor(accounts)
    visitor.sign_in()
    with machine(settings, seconds=6) as ahead:
        cut(ahead)
    answer = visitor.authorize()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert len(rows(accounts, Event.HANDOFF_ISSUED)) == 0
    accounts.clock.tick(seconds=2)
    assert "id_token=" in visitor.authorize().location


def test_who_comes_back_at_once_after_signing_out_waits_for_nothing(accounts, clock):
    visitor = Visitor(accounts)
    visitor.sign_in()
    visitor.sign_out()
    before = clock()
    visitor.sign_in()
    assert "id_token=" in visitor.authorize().location
    assert clock() == before


@pytest.mark.parametrize("end", ["disable", "grant"])
def test_an_access_token_is_dead_in_the_very_second(accounts, end):
    visitor = Visitor(accounts)
    visitor.sign_in()
    tokens = first_tokens(visitor)
    if end == "disable":
        accounts.disable()
        accounts.run("users", "enable", EMAIL)
    else:
        accounts.run("grants", "set", EMAIL, "wiki", "openid")
    assert userinfo(accounts, tokens["access_token"]).status_code == 401
