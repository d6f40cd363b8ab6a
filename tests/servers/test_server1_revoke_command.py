"""What an operator takes back by command: what ends, what goes on, and what is said of it."""

import base64
import json

import pytest

from server1.audit import Event
from tests.servers.accounts_visitor import EMAIL, Visitor, running_accounts
from tests.servers.audit_log import rows
from tests.servers.test_server1_app_access import first_tokens, is_alive, refresh
from tests.servers.test_server1_consent import (
    SETTINGS,
    answer,
    ask,
    asked,
    code_of,
    exchange,
    signed_in,
    userinfo,
)
from tests.servers.told_services import running_services

BOB = "bob@example.com"
CERTAIN = "that this ended are dead at SERVER1 now, and at services at the latest at 12:10:05Z."


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, made_environment):
    if request.param == "postgresql":
        url = request.getfixturevalue("server1_postgresql_url")
        return {**made_environment, "SERVER1_DATABASE_URL": url}
    return made_environment


@pytest.fixture
def accounts(settings, clock, kept_applications):
    with running_accounts({**settings, **SETTINGS}, clock, kept_applications) as running:
        yield running


@pytest.fixture
def services(settings, clock):
    with running_services(settings, clock) as running:
        yield running


def jti_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["jti"]


def of_a_session(visitor):
    """Let the wiki in without access beyond the session, and return its tokens."""
    return exchange(visitor.accounts, code_of(answer(visitor, asked(visitor)))).json


def tokens_of(accounts, email):
    visitor = Visitor(accounts)
    visitor.sign_in(email)
    return first_tokens(visitor)


def run(accounts, *arguments, **options):
    output = accounts.run("revoke", *arguments, **options).output
    assert CERTAIN in output
    return output


def test_all_that_a_user_has_ends_and_nobody_else_s(accounts):
    accounts.create(BOB)
    mine, theirs = tokens_of(accounts, EMAIL), tokens_of(accounts, BOB)
    assert f"Ended all that {EMAIL} has" in run(accounts, "--user", EMAIL)
    assert not is_alive(accounts, mine)
    assert is_alive(accounts, theirs)
    (revoked,) = rows(accounts, Event.ACCESS_REVOKED)
    assert (revoked.subject, revoked.client_id) == (accounts.find().subject, None)


def test_all_that_a_client_was_given_ends_and_it_goes_on(accounts):
    visitor = signed_in(accounts)
    tokens, code = first_tokens(visitor), code_of(ask(visitor))
    first_tokens_again(visitor)  # on another device
    output = run(accounts, "--client", "wiki")
    assert "Ended all that Wiki was given: codes, and its access to 1 account." in output
    assert "1 session at Wiki ends within seconds" in output
    assert not is_alive(accounts, tokens)
    assert exchange(accounts, code).json["error"] == "invalid_grant"
    assert visitor.is_signed_in
    assert is_alive(accounts, first_tokens_again(visitor))
    (revoked,) = rows(accounts, Event.ACCESS_REVOKED)
    assert (revoked.subject, revoked.client_id) == (None, "wiki")


def first_tokens_again(visitor):
    """Come from the wiki as somebody who has agreed before."""
    code = code_of(ask(visitor, scope="openid profile offline_access"))
    return exchange(visitor.accounts, code).json


def test_the_sessions_of_a_user_and_of_everybody_end_by_either_name(accounts):
    accounts.create(BOB)
    mine, theirs = signed_in(accounts), Visitor(accounts)
    theirs.sign_in(BOB)
    assert CERTAIN in accounts.run("sessions", "end", "--user", EMAIL).output
    assert (mine.is_signed_in, theirs.is_signed_in) == (False, True)
    assert CERTAIN in accounts.run("sessions", "end", "--all").output
    assert not theirs.is_signed_in
    for ambiguous in ((), ("--all", "--user", EMAIL), ("a" * 22, "--all")):
        assert accounts.try_to_run("sessions", "end", *ambiguous).exit_code == 2


@pytest.mark.parametrize("command", [("revoke", "--session"), ("sessions", "end")])
def test_one_session_ends_with_what_it_led_to(accounts, command):
    visitor, other = signed_in(accounts), signed_in(accounts)
    tokens = of_a_session(visitor)
    sid = next(
        row.sid for row in accounts.session_rows() if f"session {row.sid}" in last_issue(accounts)
    )
    output = accounts.run(*command, sid).output
    assert f"Ended the session {sid} here." in output
    assert "1 session at services ends within seconds" in output
    assert CERTAIN in output
    assert not visitor.is_signed_in
    assert other.is_signed_in
    assert userinfo(accounts, tokens["access_token"]).status_code == 401
    (ended,) = rows(accounts, Event.SESSION_ENDED)
    assert ended.detail == f"session {sid}, Unknown browser"
    assert ended.reason == "revoked_by_operator"


def test_a_sid_that_begins_with_a_dash_is_no_option(accounts):
    sid = "-" + "x" * 21
    refused = accounts.try_to_run("sessions", "end", sid)
    assert (refused.exit_code, f"There is no session {sid}." in refused.output) == (1, True)


def last_issue(accounts):
    return rows(accounts, Event.HANDOFF_ISSUED)[-1].detail


def test_one_access_token_ends_by_its_name(accounts):
    visitor = signed_in(accounts)
    tokens, others = first_tokens(visitor), first_tokens_again(visitor)
    jti = jti_of(tokens["access_token"])
    run(accounts, "--token-id", jti)
    assert userinfo(accounts, tokens["access_token"]).status_code == 401
    assert refresh(accounts, tokens["refresh_token"]).status_code == 200
    assert is_alive(accounts, others)
    (revoked,) = rows(accounts, Event.TOKEN_REVOKED)
    assert revoked.detail == f"{jti}, by an operator"


def test_a_token_ends_that_is_given_on_standard_input(accounts):
    tokens = first_tokens(signed_in(accounts))
    output = run(accounts, "--token", input=tokens["access_token"] + "\n")
    assert "Revoked an access token of wiki" in output
    assert userinfo(accounts, tokens["access_token"]).status_code == 401
    output = run(accounts, "--token", input=tokens["refresh_token"])
    assert "Ended the refresh tokens of wiki" in output
    assert refresh(accounts, tokens["refresh_token"]).status_code == 400
    assert [row.event for row in rows(accounts)[-2:]] != []
    (ended,) = rows(accounts, Event.APP_ACCESS_ENDED)
    (revoked,) = rows(accounts, Event.TOKEN_REVOKED)
    for row in (ended, revoked):
        assert (row.subject, row.client_id) == (accounts.find().subject, "wiki")
        assert tokens["refresh_token"] not in row.detail


def test_everything_that_was_ever_given_ends(services):
    for email in (EMAIL, BOB):
        if email == BOB:
            services.accounts.create(BOB)
        services.visitor("server2", email=email)
    output = services.accounts.run("revoke", "--all").output
    assert "Ended everything: 2 sessions here, all codes, the access of all apps." in output
    assert "2 sessions at services end within seconds" in output
    assert services.accounts.session_rows() == []
    told = services.told()
    assert {each.valid_after for each in told} == {None}
    assert len({(each.subject, each.sid) for each in told}) == 4
    (revoked,) = rows(services.accounts, Event.ACCESS_REVOKED)
    assert revoked.detail == "everything: 2 sessions here, 2 at services"
    visitor = services.visitor()
    services.enter(visitor)


def test_no_app_and_no_code_survives_the_end_of_everything(accounts):
    visitor = signed_in(accounts)
    tokens, code = first_tokens(visitor), code_of(ask(visitor))
    run(accounts, "--all")
    assert not is_alive(accounts, tokens)
    assert exchange(accounts, code).json["error"] == "invalid_grant"
    assert not visitor.is_signed_in


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--user", "nobody@example.com"], 1, "There is no account for nobody@example.com."),
        (["--client", "nobody"], 1, "There is no client of this name: 'nobody'."),
        (["--client", "\x00"], 1, "a text that is no single line, of 1 character."),
        (["--session", "a" * 22], 1, f"There is no session {'a' * 22}."),
        (["--session", "\x00"], 1, "expected 22 letters, digits, - and _."),
        (["--token-id", "short"], 2, "A jti of ours is 22 to 64"),
        (["--token"], 1, "That is no token of ours that still holds."),
        ([], 2, "Give one of"),
        (["--all", "--user", EMAIL], 2, "Give one of"),
        (["--token", "eyJ"], 2, "unexpected extra argument"),
    ],
)
def test_what_is_not_there_is_said_and_nothing_ends(accounts, arguments, code, sentence):
    visitor = signed_in(accounts)
    refused = accounts.try_to_run("revoke", *arguments, input="eyJhbGciOiJub25lIn0.e30.")
    assert (refused.exit_code, sentence in refused.output) == (code, True), refused.output
    assert visitor.is_signed_in
    assert rows(accounts)[-1].event == Event.SIGNED_IN


@pytest.mark.parametrize("octets", [b"", b"\xff\xfe", b"a\x00b", "é".encode() * 5000])
def test_what_is_no_text_is_no_token_of_ours(accounts, octets):
    refused = accounts.try_to_run("revoke", "--token", input=octets)
    assert (refused.exit_code, refused.output) == (
        1,
        "Error: That is no token of ours that still holds.\n",
    )
