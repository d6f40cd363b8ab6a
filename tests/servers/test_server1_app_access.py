"""Apps that go on while their user is away: what starts that, what ends it, what is told."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import pytest
from sqlalchemy import text

from flask_handoff.claims import RefreshFamily
from flask_handoff.stores.sql import SQLRefreshStore
from server1.accounts import app_access, revocation, users
from server1.audit import EndReason, Event
from server1.handoff import handoff, token_user
from tests.servers.accounts_visitor import EMAIL, PASSWORD, Visitor, running_accounts
from tests.servers.audit_log import rows, writing
from tests.servers.test_server1_consent import (
    SECRET,
    SETTINGS,
    answer,
    ask,
    asked,
    code_of,
    exchange,
    permissions,
    signed_in,
    userinfo,
    withdraw,
)

SCOPE = "openid profile offline_access"
NEW_PASSWORD = "another password of the tests"


@pytest.fixture
def accounts(made_environment, clock, kept_applications):
    settings = {**made_environment, **SETTINGS}
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts_on(request, made_environment, clock, kept_applications):
    settings = {**made_environment, **SETTINGS}
    if request.param == "postgresql":
        settings["SERVER1_DATABASE_URL"] = request.getfixturevalue("server1_postgresql_url")
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


def agree(visitor, **asked_for):
    """Come from the wiki, agree to what it asks for, and return the code."""
    return code_of(answer(visitor, asked(visitor, **{"scope": SCOPE, **asked_for})))


def first_tokens(visitor):
    return exchange(visitor.accounts, agree(visitor)).json


def refresh(accounts, token, **fields):
    data = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": "wiki",
        "client_secret": SECRET,
        **fields,
    }
    return accounts.app.test_client().post("/token", data=data, base_url=accounts.issuer)


def is_alive(accounts, tokens):
    """Tell whether an app still has access: by either token, or by neither."""
    by_access_token = userinfo(accounts, tokens["access_token"]).status_code == 200
    answered = refresh(accounts, tokens["refresh_token"])
    assert by_access_token == (answered.status_code == 200), answered.text
    return by_access_token


def family_of(accounts):
    with accounts.app.app_context():
        (family,) = app_access.access_of(accounts.find().subject, accounts.clock())
        return family


def test_the_user_is_asked_whether_it_may_go_on_while_they_are_away(accounts_on):
    visitor = signed_in(accounts_on)
    page = asked(visitor, scope=SCOPE)
    assert permissions(page) == ["see your name", "keep this access while you are away"]
    tokens = exchange(accounts_on, code_of(answer(visitor, page))).json
    assert tokens["scope"] == "offline_access openid profile"
    assert userinfo(accounts_on, tokens["access_token"]).json["name"] == "Ada"
    after = refresh(accounts_on, tokens["refresh_token"]).json
    assert after["refresh_token"] != tokens["refresh_token"]
    assert userinfo(accounts_on, after["access_token"]).json["name"] == "Ada"
    issued = [row.detail.partition(",")[0] for row in rows(accounts_on, Event.TOKENS_ISSUED)]
    (session,) = accounts_on.session_rows()
    assert issued == [f"session {session.sid}", f"app {family_of(accounts_on).family_id}"]


def test_without_that_question_it_gets_no_refresh_token(accounts):
    visitor = signed_in(accounts)
    tokens = exchange(accounts, agree(visitor, scope="openid profile")).json
    assert "refresh_token" not in tokens
    assert "/consent?" in ask(visitor, scope=SCOPE)


def test_what_an_operator_set_for_a_client_does_not_say_how_long(accounts):
    accounts.run("grants", "set", EMAIL, "wiki", "profile")
    assert exchange(accounts, agree(signed_in(accounts))).json["refresh_token"]


def test_a_sign_out_or_the_end_of_a_session_ends_no_app(accounts_on, clock):
    visitor = signed_in(accounts_on)
    tokens = first_tokens(visitor)
    visitor.sign_out()
    clock.tick(minutes=5)
    assert is_alive(accounts_on, tokens)
    clock.tick(days=6)
    assert refresh(accounts_on, tokens["refresh_token"]).status_code == 400  # it was replaced


def test_an_app_goes_on_for_days_without_a_session(accounts, clock):
    visitor = signed_in(accounts)
    tokens = first_tokens(visitor)
    visitor.sign_out()
    for _ in range(4):
        clock.tick(days=6)
        tokens = refresh(accounts, tokens["refresh_token"]).json
        assert userinfo(accounts, tokens["access_token"]).json["name"] == "Ada"


def end_it(visitor):
    page = visitor.get("/account").text
    fields = {"app": family_of(visitor.accounts).family_id}
    assert fields["app"] in page
    done = visitor.submit("/account/apps/end", fields, page="/account")
    assert "Ended." in visitor.get(done.location).text


def change_password(visitor):
    fields = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    done = visitor.submit("/account/password", fields, page="/account/password")
    assert "done=password" in done.location


def end_all_others(visitor):
    page = visitor.get("/account").text
    assert "End all other sessions and apps" in page
    done = visitor.submit("/account/sessions/end-others", page="/account")
    assert "the access of all apps" in visitor.get(done.location).text


def delete_account(visitor):
    with visitor.accounts.app.app_context(), visitor.accounts.database.writing() as connection:
        revocation.delete_account(connection, visitor.accounts.find())


ENDS = {
    "End this": (end_it, EndReason.ENDED_BY_USER),
    "consent withdrawn": (withdraw, EndReason.CONSENT_WITHDRAWN),
    "new password": (change_password, EndReason.PASSWORD_CHANGED),
    "all other sessions": (end_all_others, EndReason.ENDED_BY_USER),
    "account deleted": (delete_account, EndReason.ACCOUNT_DELETED),
    "account disabled": (
        lambda visitor: visitor.accounts.disable(),
        EndReason.ACCOUNT_DISABLED,
    ),
    "new password by command": (
        lambda visitor: visitor.accounts.run("users", "create", EMAIL, "--replace-password"),
        EndReason.PASSWORD_CHANGED,
    ),
    "another grant": (
        lambda visitor: visitor.accounts.run("grants", "set", EMAIL, "wiki", "profile"),
        EndReason.GRANT_CHANGED,
    ),
}


@pytest.mark.parametrize(("end", "reason"), ENDS.values(), ids=ENDS)
def test_what_ends_an_app_ends_its_tokens_for_good(accounts_on, end, reason):
    visitor = signed_in(accounts_on)
    tokens = first_tokens(visitor)
    tokens = refresh(accounts_on, tokens["refresh_token"]).json
    subject, family_id = accounts_on.find().subject, family_of(accounts_on).family_id
    end(visitor)
    assert not is_alive(accounts_on, tokens)
    (ended,) = rows(accounts_on, Event.APP_ACCESS_ENDED)
    assert (ended.subject, ended.client_id, ended.reason) == (subject, "wiki", reason)
    assert ended.detail == f"app {family_id}"
    if end is not delete_account:
        accounts_on.run("users", "enable", EMAIL)
        assert not is_alive(accounts_on, tokens)


def test_the_user_of_an_app_is_looked_up_as_they_are_now(accounts_on):
    visitor, user = signed_in(accounts_on), accounts_on.find()

    def asked_for(client_id):
        with accounts_on.app.app_context():
            (client,) = [each for each in handoff.clients() if each.client_id == client_id]
            return token_user(client, user.subject, None)

    assert asked_for("wiki") is None
    answer(visitor, asked(visitor, scope="openid profile"))
    assert asked_for("wiki") is None
    answer(visitor, asked(visitor, scope=SCOPE))
    assert asked_for("wiki").subject == user.subject
    assert asked_for("terminal") is None
    assert asked_for("server2").name == "Ada"  # first-party
    with writing(accounts_on) as connection:
        users.change(connection, user, disabled=True)
    assert asked_for("wiki") is asked_for("server2") is None


def test_another_app_goes_on(accounts):
    visitor = signed_in(accounts)
    other = Visitor(accounts)
    accounts.create("bob@example.com")
    other.sign_in("bob@example.com")
    mine, theirs = first_tokens(visitor), first_tokens(other)
    withdraw(visitor)
    assert not is_alive(accounts, mine)
    assert is_alive(accounts, theirs)


@pytest.mark.parametrize("app", ["", "x", "\x00", "a" * 24, "of somebody else"])
def test_only_an_app_of_one_s_own_is_ended(accounts_on, app):
    visitor = signed_in(accounts_on)
    tokens = first_tokens(visitor)
    accounts_on.create("bob@example.com")
    other = Visitor(accounts_on)
    other.sign_in("bob@example.com")
    fields = {"app": family_of(accounts_on).family_id if app == "of somebody else" else app}
    assert other.submit("/account/apps/end", fields, page="/account/name").status_code == 303
    assert is_alive(accounts_on, tokens)


def test_the_account_page_lists_apps_since_when_and_last_used(accounts_on, clock):
    visitor = signed_in(accounts_on)
    assert "Apps and devices" not in visitor.get("/account").text
    tokens = first_tokens(visitor)
    clock.tick(minutes=20)
    refresh(accounts_on, tokens["refresh_token"])
    page = visitor.get("/account").text
    listed = page[page.index('id="apps"') : page.index('id="agreed"')]
    words = " ".join(listed.replace("</time>", "").replace(">", "> ").split())
    assert "Wiki" in words
    assert "1 January 2026, 12:00 UTC" in words
    assert "1 January, 12:20 UTC" in words
    assert "End this" in words


def test_a_token_used_twice_is_told_to_its_user(accounts_on, clock):
    visitor = signed_in(accounts_on)
    tokens = first_tokens(visitor)
    family = family_of(accounts_on)
    after = refresh(accounts_on, tokens["refresh_token"]).json
    clock.tick(seconds=11)
    assert refresh(accounts_on, tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert not is_alive(accounts_on, after)
    (reused,) = rows(accounts_on, Event.REFRESH_TOKEN_REUSED)
    assert (reused.subject, reused.client_id) == (accounts_on.find().subject, "wiki")
    assert (reused.detail, reused.reason) == (f"app {family.family_id}", "token_reused")
    waiting = accounts_on.run("outbox", "list").output
    assert waiting.count("app-access-ended") == 1
    assert EMAIL in waiting
    alarm = "The access of Wiki was ended on"
    assert visitor.get("/account").text.count(alarm) == 1
    clock.tick(days=14)
    assert alarm not in signed_in(accounts_on).get("/account").text


READ_NOTES = "openid offline_access notes:read"


@pytest.mark.parametrize(("granted", "goes_on"), [("notes:write", False), ("notes:read", True)])
def test_an_app_ends_that_could_do_what_is_taken_back(accounts_on, granted, goes_on):
    tokens = exchange(accounts_on, agree(signed_in(accounts_on), scope=READ_NOTES)).json
    accounts_on.run("grants", "set", EMAIL, "server2", granted)
    answered = refresh(accounts_on, tokens["refresh_token"])
    assert (answered.status_code == 200) == goes_on, answered.text


def test_a_code_from_before_brings_nothing_that_is_taken_back(accounts_on):
    code = agree(signed_in(accounts_on), scope="openid notes:read")
    accounts_on.run("grants", "set", EMAIL, "server2", "notes:write")
    assert exchange(accounts_on, code).json["error"] == "invalid_grant"


def test_a_token_from_before_ends_where_its_user_may_do_less(accounts_on):
    tokens = first_tokens(signed_in(accounts_on))
    assert userinfo(accounts_on, tokens["access_token"]).status_code == 200
    accounts_on.run("grants", "set", EMAIL, "wiki", "openid")
    assert userinfo(accounts_on, tokens["access_token"]).status_code == 401


def test_a_disabled_client_gets_nothing_and_has_nothing_when_enabled(accounts):
    added = accounts.run(
        "clients", "add", "Reader", "--kind", "web", "--first-party",
        "--redirect-uri", "https://reader.example/callback",
    ).output  # fmt: skip
    client_id = next(line.split()[-1] for line in added.splitlines() if "client_id" in line)
    secret = next(line.split()[-1] for line in added.splitlines() if "client_secret" in line)
    uri = "https://reader.example/callback"
    who = {"client_id": client_id, "client_secret": secret}
    location = ask(signed_in(accounts), client_id=client_id, redirect_uri=uri, scope=SCOPE)
    tokens = exchange(accounts, code_of(location), redirect_uri=uri, **who).json
    accounts.run("clients", "disable", client_id)
    assert refresh(accounts, tokens["refresh_token"], **who).json["error"] == "invalid_client"
    assert userinfo(accounts, tokens["access_token"]).status_code == 401
    accounts.run("clients", "enable", client_id)
    assert refresh(accounts, tokens["refresh_token"], **who).json["error"] == "invalid_grant"
    assert userinfo(accounts, tokens["access_token"]).status_code == 401


def test_no_token_stands_in_the_database(accounts_on):
    tokens = first_tokens(signed_in(accounts_on))
    after = refresh(accounts_on, tokens["refresh_token"]).json
    with accounts_on.database.reading() as connection:
        for table in ("handoff_refresh_families", "handoff_codes", "audit", "outbox"):
            kept = repr(connection.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608
            for token in (tokens["refresh_token"], after["refresh_token"]):
                assert token not in kept
                assert token[:22] not in kept


def test_one_client_has_access_fifty_times_at_most(accounts, clock):
    visitor = signed_in(accounts)
    every = [first_tokens(visitor)]
    for _ in range(50):
        clock.tick(seconds=1)
        every.append(exchange(accounts, code_of(ask(visitor, scope=SCOPE))).json)
    assert not is_alive(accounts, every[0])
    assert is_alive(accounts, every[1])
    assert is_alive(accounts, every[-1])
    assert len(rows(accounts, Event.APP_ACCESS_ENDED)) == 1


# In the same moment. SQLite lets one transaction write at a time; on PostgreSQL they meet.


@pytest.fixture
def accounts_in_postgresql(made_environment, clock, kept_applications, server1_postgresql_url):
    settings = {**made_environment, **SETTINGS, "SERVER1_DATABASE_URL": server1_postgresql_url}
    with running_accounts(settings, clock, kept_applications) as running:
        yield running


def wait_until(accounts, waiting, other):
    """Wait until so many transactions wait for another, or *other* is done."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"  # not of other tests
    )
    while not other.done():
        with accounts.database.reading() as connection:  # perhaps of the one that is waited for
            # Which would see for ever what it saw first.
            connection.execute(text("SELECT pg_stat_clear_snapshot()"))
            if connection.execute(query).scalar_one() >= waiting:
                return
        time.sleep(0.01)


@contextmanager
def family_in_the_way(accounts):
    """Hold back whoever exchanges the one code there is, just before its family is kept."""
    with accounts.database.engine.connect() as connection:
        jwt_id = connection.execute(text("SELECT jwt_id FROM handoff_codes")).scalar_one()
        store = SQLRefreshStore(connection.engine, transaction=lambda: nullcontext(connection))
        now = accounts.clock()
        family = RefreshFamily(
            family_id=jwt_id[:24],
            client_id="wiki",
            subject="nobody",
            session_id="none",
            auth_time=now,
            scope=frozenset(),
            audience="none",
            access_scope=frozenset(),
            started_at=now,
            used_at=now,
        )
        limits = {"expires_at": 0, "forget_at": 0, "now": 0}
        store.start(family, handle_sha256="a", token_sha256="b", **limits)
        yield
        connection.rollback()


def revoke(accounts, user):
    with accounts.app.app_context(), accounts.database.writing() as connection:
        revocation.revoke_all_sessions(connection, user, EndReason.ENDED_BY_USER)


def test_no_app_that_starts_survives_the_end_of_all_sessions(accounts_in_postgresql):
    accounts = accounts_in_postgresql
    code, user = agree(signed_in(accounts)), accounts.find()
    with ThreadPoolExecutor(2) as pool:
        with family_in_the_way(accounts):
            exchanging = pool.submit(exchange, accounts, code)
            wait_until(accounts, 1, exchanging)
            revoking = pool.submit(revoke, accounts, user)
            wait_until(accounts, 2, revoking)
        tokens = exchanging.result(timeout=60).json
        revoking.result(timeout=60)
    assert not is_alive(accounts, tokens)


def test_no_app_starts_while_all_sessions_end(accounts_in_postgresql):
    accounts = accounts_in_postgresql
    code, user = agree(signed_in(accounts)), accounts.find()
    with ThreadPoolExecutor(1) as pool:
        with accounts.app.app_context(), accounts.database.writing() as connection:
            revocation.revoke_all_sessions(connection, user, EndReason.ENDED_BY_USER)
            exchanging = pool.submit(exchange, accounts, code)
            wait_until(accounts, 1, exchanging)
        assert exchanging.result(timeout=60).json["error"] == "invalid_grant"
    assert rows(accounts, Event.TOKENS_ISSUED) == []
    with accounts.app.app_context():
        assert app_access.access_of(user.subject, accounts.clock()) == []
