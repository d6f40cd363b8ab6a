"""Sessions that end at SERVER1: which services are told of it, and that none is forgotten."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from flask_service.outbox.jobs import Outcome
from server1.accounts import client_sessions, revocation
from server1.accounts.administration import replace_password
from server1.audit import EndReason
from server1.logouts import Logout
from tests.jwks_endpoint import eventually, says_nothing
from tests.servers.accounts_visitor import PASSWORD
from tests.servers.told_services import DONE, FAILS, Told, running_services
from tests.token_texts import JWT

A_LEASE = timedelta(seconds=8)


@pytest.fixture(params=["sqlite", "postgresql"])
def services(request, made_environment, clock):
    settings = dict(made_environment)
    if request.param == "postgresql":
        settings["SERVER1_DATABASE_URL"] = request.getfixturevalue("server1_postgresql_url")
    with running_services(settings, clock) as running:
        yield running


@pytest.fixture
def ada(services):
    return services.accounts.find().subject


@pytest.fixture
def second(clock):
    """This second, as a token says it."""
    return lambda: int(clock().timestamp())


def named(told):
    return {(each.client_id, each.sid) for each in told}


# Who is told of what.


def test_signing_out_is_told_to_the_services_that_the_session_entered(services, ada, second):
    visitor = services.visitor("server2", "photos")
    sid = services.sid()
    visitor.sign_out()
    assert sorted(services.told(), key=lambda told: told.client_id) == [
        Told("photos", sid, ada, second()),
        Told("server2", sid, ada, second()),
    ]
    assert services.waiting() == []


def test_a_service_that_the_session_did_not_enter_is_not_told(services):
    visitor = services.visitor("server2")
    sid = services.sid()
    visitor.sign_out()
    assert named(services.told()) == {("server2", sid)}


def test_a_service_is_told_once_however_often_it_was_entered(services):
    visitor = services.visitor("server2", "server2", "server2")
    visitor.sign_out()
    assert len(services.told()) == 1


def test_a_session_that_entered_nothing_ends_without_a_word(services):
    services.visitor().sign_out()
    assert services.waiting() == []


def test_another_session_of_the_same_account_is_not_meant(services, clock):
    services.visitor("server2")
    clock.tick(seconds=1)
    visitor = services.visitor("server2")
    sid = services.sid()
    visitor.sign_out()
    assert named(services.told()) == {("server2", sid)}


def test_ending_one_session_of_the_list_is_told(services, clock):
    services.visitor("server2")
    sid = services.sid()
    clock.tick(seconds=1)
    other = services.visitor("server2")
    other.submit("/account/sessions/end", {"sid": sid}, page="/account")
    assert named(services.told()) == {("server2", sid)}


def test_ending_all_other_sessions_is_told_of_each(services, clock):
    sids = set()
    for _ in range(2):
        services.visitor("server2")
        sids.add(services.sid())
        clock.tick(seconds=1)
    services.visitor("server2").submit("/account/sessions/end-others", page="/account")
    assert named(services.told()) == {("server2", sid) for sid in sids}


def end_by_disabling(services):
    services.accounts.disable()


def end_by_an_operators_password(services):
    with services.accounts.app.app_context():
        replace_password(services.accounts.find(), "another password of the tests")


def end_by_closing(services):
    services.visitor().submit("/account/delete", {"password": PASSWORD}, page="/account/delete")


@pytest.mark.parametrize(
    "end",
    [end_by_disabling, end_by_an_operators_password, end_by_closing],
    ids=lambda f: f.__name__,
)
def test_when_all_sessions_of_an_account_end_its_services_are_told_of_the_account(
    services, ada, second, clock, end
):
    services.visitor("server2")
    sid = services.sid()
    clock.tick(seconds=1)
    end(services)
    assert services.accounts.session_rows() == []
    assert services.told() == [
        Told("server2", sid, ada, second()),
        # Whoever signs in anew meanwhile is not meant, by whatever machine's clock.
        Told("server2", None, ada, second() - 60),
    ]


def test_a_new_password_ends_the_sessions_at_all_services_also_of_the_session_that_is_kept(
    services, ada, clock
):
    services.visitor("photos")
    other_sid = services.sid()
    clock.tick(seconds=1)
    here = services.visitor("server2")
    here_sid = services.sid()
    fields = {"password": PASSWORD, "new_password": "another password of the tests"}
    assert here.submit("/account/password", fields, page="/account/password").status_code == 303
    assert here.is_signed_in
    assert named(services.told()) == {
        *(("photos", other_sid), ("photos", None)),
        *(("server2", here_sid), ("server2", None)),
    }


def test_the_session_that_is_kept_goes_on_as_another_one(services):
    here = services.visitor("server2")
    before = services.sid()
    fields = {"password": PASSWORD, "new_password": "another password of the tests"}
    here.submit("/account/password", fields, page="/account/password")
    services.tell()
    assert services.sid() != before
    services.enter(here)
    here.sign_out()
    assert {sid for _, sid in named(services.told())} > {before, None}


def test_who_signs_in_again_in_the_same_browser_stays_signed_in_at_the_services(services, clock):
    visitor = services.visitor("server2")
    clock.tick(seconds=1)
    visitor.sign_in(page="/logout")
    assert services.told() == []


def test_when_somebody_else_signs_in_in_the_same_browser_the_services_are_told(services):
    services.accounts.create("grace@example.com")
    visitor = services.visitor("server2")
    sid = services.sid()
    visitor.sign_in("grace@example.com", page="/logout")
    assert named(services.told()) == {("server2", sid)}


def test_a_service_without_an_address_for_it_is_not_told(services):
    services.visitor("deaf").sign_out()
    assert services.tell() == {Outcome.SKIPPED: 1}
    assert services.waiting() == []


def test_a_service_that_is_not_registered_any_more_is_not_told(services):
    visitor = services.visitor("server2")
    visitor.sign_out()
    services.stop()
    del services.environment["HANDOFF_CLIENTS"]
    services.environment["HANDOFF_CLIENTS"] = "[]"
    services.start()
    assert services.tell() == {Outcome.SKIPPED: 1}


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        (["server2"], "This also signs you out of SERVER2."),
        (["server2", "photos"], "This also signs you out of SERVER2 and PHOTOS."),
        (["deaf"], "At DEAF you stay signed in until you sign out there."),
    ],
)
@pytest.mark.parametrize("page", ["/", "/logout"])
def test_who_signs_out_is_told_what_becomes_of_the_services(services, entered, sentence, page):
    assert sentence in services.visitor(*entered).get(page).text
    assert "signed out at" not in services.visitor().get(page).text


# Sessions whose time was over before.


def test_a_session_that_is_over_by_its_time_ends_nothing_elsewhere(services, clock):
    services.visitor("server2")
    clock.tick(minutes=30)
    services.visitor()
    assert len(services.accounts.session_rows()) == 1
    assert services.told() == []


def test_what_such_a_session_led_to_ends_when_all_others_are_to_end(services, clock):
    services.accounts.create("bob@example.com")
    services.visitor("photos", email="bob@example.com")
    clock.tick(seconds=1)
    services.visitor("server2")
    over = services.sid()
    clock.tick(minutes=30)
    services.visitor("photos")
    other = services.sid()
    clock.tick(seconds=1)
    services.visitor().submit("/account/sessions/end-others", page="/account")
    assert named(services.told()) == {("server2", over), ("photos", other)}
    assert len(services.expired()) == 1, "somebody else's stays"


def test_what_such_a_session_led_to_ends_when_the_account_s_sessions_end(services, ada, clock):
    services.visitor("server2")
    clock.tick(minutes=30)
    services.visitor()
    services.accounts.disable()
    assert [(told.sid, told.subject) for told in services.told()] == [(None, ada)]


def test_it_is_forgotten_after_thirty_days(services, clock):
    services.visitor("server2")
    clock.tick(minutes=30)
    services.visitor()
    assert len(services.expired()) == 1
    clock.tick(days=30)
    services.visitor()
    assert services.expired() == []


# Nothing is lost.


def test_a_log_out_is_entered_with_the_end_of_the_session_or_not_at_all(services):
    visitor = services.visitor("server2")
    user = services.accounts.find()
    with (
        services.accounts.app.app_context(),
        pytest.raises(ZeroDivisionError),
        services.database.writing() as connection,
    ):
        revocation.revoke_all_sessions(connection, user, EndReason.ENDED_BY_USER)
        raise ZeroDivisionError
    assert services.waiting() == []
    assert visitor.is_signed_in


def test_a_log_out_is_told_after_a_restart(services):
    services.visitor("server2").sign_out()
    services.stop()
    services.start()
    assert len(services.told()) == 1


def test_a_service_that_is_down_is_told_when_it_is_back(services, second, clock):
    services.endpoints["server2"].answer = FAILS
    visitor = services.visitor("server2")
    visitor.sign_out()
    ended_at = second()
    assert services.tell() == {Outcome.RETRY_LATER: 1}
    services.endpoints["server2"].answer = DONE
    assert services.tell() == {}
    clock.tick(seconds=3)
    assert services.tell() == {Outcome.SENT: 1}
    assert [told.ended_at for told in services.told()] == [ended_at, ended_at]


def test_a_service_is_tried_every_three_seconds_for_a_day(services, clock, caplog):
    services.endpoints["server2"].answer = FAILS
    services.visitor("server2").sign_out()
    for _ in range(10):
        assert services.tell() == {Outcome.RETRY_LATER: 1}
        assert services.tell() == {}
        clock.tick(seconds=3)
    clock.tick(days=1, seconds=-31)
    assert services.tell() == {Outcome.RETRY_LATER: 1}
    clock.tick(seconds=3)
    assert services.tell() == {Outcome.FAILED: 1}
    [logout] = services.waiting()
    assert logout.last_error == "expected status 200, got 400"
    assert "logout 1 server2: failed at attempt" in caplog.text
    clock.tick(days=1)
    assert services.tell_one() is None


def test_a_logout_is_leased_for_eight_seconds(services, clock):
    services.visitor("server2").sign_out()
    services.outbox.claim(services.outbox.kinds["logout"])  # by a process that dies
    clock.tick(seconds=7)
    assert services.tell() == {}
    clock.tick(seconds=1)
    assert services.tell() == {Outcome.SENT: 1}


def test_a_machine_four_seconds_ahead_delays_nothing_beyond_ten(services, clock):
    services.endpoints["server2"].answer = FAILS
    services.visitor("server2").sign_out()
    clock.tick(seconds=4)
    assert services.tell() == {Outcome.RETRY_LATER: 1}
    services.endpoints["server2"].answer = DONE
    clock.tick(seconds=-4 + 7)
    assert services.tell() == {Outcome.SENT: 1}


@pytest.mark.processes
def test_a_killed_process_holds_back_no_other_log_out(services, clock):
    clock.now = datetime.now(UTC)  # as the other process's clock says
    services.visitor("server2").sign_out()
    services.endpoints["server2"].answer = says_nothing
    with services.other_process("outbox", "send") as other:
        eventually(lambda: services.endpoints["server2"].count == 1)
        other.kill()
    services.endpoints["server2"].answer = DONE
    services.visitor("server2").sign_out()
    [dead, fresh] = services.waiting()
    clock.now = dead.leased_until - A_LEASE  # when the other process began
    assert services.tell() == {Outcome.SENT: 1}
    assert services.waiting() == [dead]
    clock.now = dead.leased_until
    killed, later = dead.read(Logout).sid, fresh.read(Logout).sid
    assert [told.sid for told in services.told()] == [killed, later, killed]
    assert services.waiting() == []
    assert len(set(services.endpoints["server2"].requests)) == 3, "each try has a token of its own"


def test_log_outs_entered_by_a_clock_ahead_wait_as_well(services, clock):
    services.endpoints["server2"].answer = FAILS
    clock.tick(hours=1)
    for _ in range(3):
        services.visitor("server2").sign_out()
    clock.tick(hours=-1)
    assert services.tell() == {Outcome.RETRY_LATER: 1}
    assert services.endpoints["server2"].count == 1


def test_a_service_that_hangs_holds_up_one_thread_only(services):
    for client_id in ("server2", "server2", "photos"):
        services.visitor(client_id).sign_out()
    services.endpoints["server2"].answer = says_nothing
    with ThreadPoolExecutor() as threads:
        hanging = threads.submit(services.tell_one)
        eventually(lambda: services.endpoints["server2"].count == 1)
        others = [threads.submit(services.tell_one).result() for _ in range(2)]
        services.endpoints["server2"].stop()
    assert (hanging.result(), others) == (Outcome.RETRY_LATER, [Outcome.SENT, None])
    assert services.endpoints["server2"].count == 1


def test_no_transaction_is_open_while_a_service_is_told(services):
    services.visitor("server2").sign_out()
    services.endpoints["server2"].answer = says_nothing
    telling = threading.Thread(target=services.tell_one)
    telling.start()
    try:
        services.visitor("photos")
    finally:
        services.endpoints["server2"].stop()
        telling.join(30)
    assert not telling.is_alive()


def test_a_handoff_under_way_is_told_of_the_end_or_does_not_happen(services, clock):
    services.visitor()
    sid, user = services.sid(), services.accounts.find()
    ended = threading.Event()

    def end():
        with services.accounts.app.app_context(), services.database.writing() as connection:
            revocation.revoke_all_sessions(connection, user, EndReason.ENDED_BY_USER)
        ended.set()

    with services.database.writing() as connection:
        client_sessions.note_client_session(connection, sid, "server2", clock())
        ending = threading.Thread(target=end)
        ending.start()
        assert not ended.wait(0.2)
    ending.join(30)
    assert ("server2", sid) in named(services.told())


# What an operator sees.


def test_logouts_that_wait_are_listed_with_the_reason(services, ada):
    services.endpoints["server2"].answer = FAILS
    visitor = services.visitor("server2")
    sid = services.sid()
    visitor.sign_out()
    services.tell()
    _, row = services.accounts.run("outbox", "list").output.splitlines()
    since, due = "2026-01-01 12:00 UTC", "2026-01-01 12:00 UTC"
    about = f"1 logout server2 account {ada}, session {sid} {since} 1 {due}"
    assert row.split() == [*about.split(), "expected", "status", "200,", "got", "400"]


def test_the_end_of_all_sessions_is_listed_as_such(services, ada):
    services.visitor("server2")
    services.accounts.disable()
    assert f"account {ada}, all sessions" in services.accounts.run("outbox", "list").output


def test_a_logout_is_sent_by_command_or_the_command_fails(services):
    services.endpoints["server2"].answer = FAILS
    services.visitor("server2").sign_out()
    assert services.accounts.try_to_run("outbox", "send").exit_code == 1
    services.endpoints["server2"].answer = DONE
    services.accounts.run("outbox", "retry", "1")
    assert services.accounts.run("outbox", "send").stdout == "Sent: 1. Skipped: 0.\n"


def test_neither_log_nor_outbox_holds_a_token(services, caplog):
    caplog.set_level("DEBUG")
    services.endpoints["server2"].answer = FAILS
    services.visitor("server2").sign_out()
    services.tell()
    assert "logout 1 server2: retry later at attempt 1" in caplog.text
    assert not JWT.search(caplog.text)
    assert not JWT.search(repr([(job, job.payload) for job in services.waiting()]))
