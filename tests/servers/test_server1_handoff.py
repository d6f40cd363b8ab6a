from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from flask_handoff import MemoryReplayStore, TokenVerifier, UnverifiedToken
from flask_handoff.keys import KeyRing
from tests.servers.accounts_visitor import EMAIL, PASSWORD, REQUEST, Visitor, running_accounts


@pytest.fixture
def verify(accounts, server1_keys, clock):
    return verifier(accounts, server1_keys, clock)


def verifier(accounts, server1_keys, clock):
    """Return what verifies a token as SERVER2 would."""
    verifier = TokenVerifier(
        issuer=accounts.issuer,
        audience="server2",
        keys=KeyRing.open(server1_keys),
        replay_store=MemoryReplayStore(),
        clock=clock,
    )

    def check(answer):
        (token,) = response(answer)["id_token"]
        return verifier.verify(UnverifiedToken(token), nonce=REQUEST["nonce"])

    return check


def sign_in_unverified(accounts):
    accounts.run(
        "users", "create", "bob@example.com", "--unverified", "--password-stdin", input=PASSWORD
    )
    visitor = Visitor(accounts)
    visitor.sign_in("bob@example.com")
    return visitor


def response(answer):
    assert answer.status_code == 303
    assert answer.location.startswith(REQUEST["redirect_uri"])
    return parse_qs(urlsplit(answer.location).query)


def test_the_token_says_who_is_signed_in(accounts, browser1, verify, clock):
    browser1.sign_in()
    clock.tick(minutes=5)
    claims = verify(browser1.authorize())
    user, (session,) = accounts.find(), accounts.session_rows()
    assert claims.subject == user.subject
    assert claims.session_id == session.sid
    assert claims.auth_time == clock() - timedelta(minutes=5)
    assert (claims.name, claims.email, claims.email_verified) == ("Ada", EMAIL, True)
    assert claims.scope == {"openid", "profile", "email", "notes:read"}


def test_the_subject_is_random_and_stays(accounts, browser1, verify):
    other = accounts.create("bob@example.com")
    browser1.sign_in()
    first = verify(browser1.authorize())
    browser1.sign_out()
    browser1.sign_in()
    assert verify(browser1.authorize()).subject == first.subject != other.subject
    assert len(first.subject) == 22


def test_nobody_is_handed_on_whose_address_is_not_verified(accounts):
    visitor = sign_in_unverified(accounts)
    assert visitor.authorize().location.startswith("/verify-email/required?continue=")
    answer = response(visitor.authorize(prompt="none"))
    assert answer["error"] == ["interaction_required"]
    assert "id_token" not in answer
    page = visitor.get("/").text
    assert "Confirm your e-mail address" in page
    assert "You can continue to Notes when your e-mail address is confirmed." in page
    assert "/sso/login" not in page


def test_by_setting_an_address_that_is_not_verified_is_said_to_be_so(
    accounts_environment, server1_keys, clock
):
    settings = {**accounts_environment, "SERVER1_REQUIRE_VERIFIED_EMAIL": "0"}
    with running_accounts(settings, clock) as accounts:
        visitor = sign_in_unverified(accounts)
        assert "Continue to Notes" in visitor.get("/").text
        claims = verifier(accounts, server1_keys, clock)(visitor.authorize())
    assert claims.email_verified is False


def test_a_client_gets_no_more_than_was_granted(accounts, browser1, verify):
    accounts.run("grants", "set", EMAIL, "server2", "profile", "notes:write")
    browser1.sign_in()
    claims = verify(browser1.authorize())
    assert claims.scope == {"openid", "profile"}
    assert claims.email is None


def test_a_user_without_a_grant_is_not_handed_on(accounts, browser1):
    accounts.run("grants", "set", EMAIL, "server2", "--none")
    browser1.sign_in()
    answer = response(browser1.authorize())
    assert answer["error"] == ["access_denied"]
    assert "id_token" not in answer
    accounts.run("grants", "clear", EMAIL, "server2")
    assert "id_token" in response(browser1.authorize())


def test_nobody_is_handed_on_without_a_session(browser1):
    assert browser1.authorize().location.startswith("/login?continue=")
    assert response(browser1.authorize(prompt="none"))["error"] == ["login_required"]


def test_a_session_that_is_over_hands_nobody_on(browser1, clock):
    browser1.sign_in()
    clock.tick(minutes=30)
    assert browser1.authorize().location.startswith("/login?continue=")


def test_a_sign_in_older_than_a_client_takes_is_repeated(browser1, clock):
    browser1.sign_in()
    clock.tick(seconds=61)
    assert browser1.authorize(max_age="60").location.startswith("/login?continue=")
    clock.tick(seconds=1)
    answer = browser1.sign_in(page=browser1.authorize(max_age="60").location)
    assert "id_token" in response(browser1.get(answer.location))


def test_two_servers_with_one_database_know_the_same_sessions(
    accounts, accounts_environment, clock
):
    visitor = Visitor(accounts)
    visitor.sign_in()
    with running_accounts(accounts_environment, clock) as replica:
        other = Visitor(replica)
        other.cookie = visitor.cookie
        assert other.is_signed_in
        other.sign_out()
    assert not visitor.is_signed_in
