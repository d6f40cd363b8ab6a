"""The endpoint for logout tokens, of a receiver in the test's process."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from flask_handoff import ConfigurationError, HandoffReceiver, JWKSClient, TokenMinter
from flask_handoff.errors import DependencyUnavailableError, ReplayStoreUnavailableError
from flask_handoff.keys import KeyRing, new_key
from tests.minimal_pair import (
    ISSUER,
    RECEIVER,
    is_signed_in,
    is_uniform_refusal,
)

ENDPOINT = f"{RECEIVER}/sso/backchannel-logout"
FORM = "application/x-www-form-urlencoded"
SID = "a-session-at-server1"


@pytest.fixture
def minter(key_ring, clock):
    return TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)


@pytest.fixture
def mint(minter, clock):
    """Mints a logout token of this second."""
    return lambda **named: minter.mint_logout(
        **{"audience": "notes", "ended_at": clock(), "session_id": SID, **named}
    )


@pytest.fixture
def server1(receiver):
    """SERVER1 as it posts to the endpoint: no browser, no cookie."""
    return receiver.test_client(use_cookies=False)


def post(server1, token, **options):
    options = {"data": {"logout_token": token}, "base_url": RECEIVER, **options}
    return server1.post("/sso/backchannel-logout", **options)


def assert_done(answer):
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def assert_refused(answer):
    assert answer.status_code == 400
    assert answer.mimetype == "application/json"
    assert answer.json["error"] == "invalid_request"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_the_session_that_ended_at_server1_ends_here(browser, server1, mint):
    browser.arrive()
    assert_done(post(server1, mint()))
    assert not is_signed_in(browser)


def test_the_application_is_told_whose_session_ended_and_when(browser, receiver, server1, mint):
    told: list = []
    receiver.extensions["ends"] = told.append
    browser.arrive()
    post(server1, mint(subject="ada"))
    [logout] = told
    assert (logout.issuer, logout.subject, logout.session_id) == (ISSUER, "ada", SID)


def test_a_log_out_of_the_account_ends_its_session_here(browser, server1, mint):
    browser.arrive()
    assert_done(post(server1, mint(session_id=None, subject="ada")))
    assert not is_signed_in(browser)


def test_a_session_that_goes_on_at_server1_enters_again(browser, server1, mint, clock):
    browser.arrive()
    valid_after = clock() + timedelta(seconds=1)
    assert_done(post(server1, mint(valid_after=valid_after)))
    assert not is_signed_in(browser)
    clock.now = valid_after
    browser.arrive()
    assert is_signed_in(browser)


def test_what_it_was_issued_before_does_not_enter(browser, server1, mint, clock):
    assert_done(post(server1, mint(valid_after=clock() + timedelta(seconds=1))))
    assert browser.arrive().status_code == 403
    assert not is_signed_in(browser)


def test_somebody_else_stays_signed_in(browser, server1, mint):
    browser.arrive()
    assert_done(post(server1, mint(session_id="another")))
    assert_done(post(server1, mint(session_id=None, subject="grace")))
    assert is_signed_in(browser)


def test_a_session_that_began_later_goes_on(browser, server1, mint, clock):
    before = clock()
    clock.tick(seconds=11)
    browser.arrive()
    assert_done(post(server1, mint(session_id=None, subject="ada", ended_at=before)))
    assert is_signed_in(browser)


def test_an_unknown_session_and_one_that_is_over_are_no_fault(browser, server1, mint):
    assert_done(post(server1, mint(session_id="never heard of")))
    browser.arrive()
    assert_done(post(server1, mint()))
    assert_done(post(server1, mint()))


def test_the_same_token_twice_is_refused(server1, mint, heard):
    token = mint()
    assert_done(post(server1, token))
    assert_refused(post(server1, token))
    assert heard.errors() == ["token_replayed"]


def test_whoever_listens_hears_of_both_outcomes(server1, mint, heard):
    post(server1, mint(subject="ada"))
    post(server1, "a.b.c")
    [(done, told), (refused, why)] = heard.events
    assert (done, told["logout"].session_id, len(told["request_id"])) == ("logged out", SID, 16)
    assert (refused, why["error"].code) == ("not logged out", "token_malformed")


# What came.

BODIES = {
    "nothing": "",
    "another name": "token=a.b.c",
    "an empty token": "logout_token=",
    "two tokens": "logout_token={token}&logout_token={token}",
    "a token and an empty one": "logout_token={token}&logout_token=",
    "a name in brackets": "logout_token[]={token}",
    "no token": "logout_token=hello",
    "a token behind a space": "logout_token=%20{token}",
    "a token with a line end": "logout_token={token}%0A",
    "half of a surrogate pair": "logout_token=%ED%A0%80.b.c",
    "no text": "logout_token=%FF%FE",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_request_without_exactly_one_good_token_is_refused(browser, server1, mint, body):
    browser.arrive()
    data = body.format(token=mint())
    assert_refused(server1.post(ENDPOINT, data=data, content_type=FORM))
    assert is_signed_in(browser)


def test_what_comes_beside_the_token_is_ignored(browser, server1, mint):
    browser.arrive()
    assert_done(post(server1, mint(), data={"logout_token": mint(), "state": ["x", "y"]}))
    assert not is_signed_in(browser)


def test_the_kind_of_content_may_name_its_characters(server1, mint):
    data = urlencode({"logout_token": mint()})
    assert_done(post(server1, None, data=data, content_type=f"{FORM}; charset=utf-8"))


def test_a_query_is_refused(browser, server1, mint):
    browser.arrive()
    assert_refused(post(server1, mint(), query_string={"x": "y"}))
    assert_refused(server1.post(f"{ENDPOINT}?{urlencode({'logout_token': mint()})}"))
    assert is_signed_in(browser)


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/plain"]
)
def test_another_kind_of_content_is_refused_as_every_fault_is(browser, server1, mint, kind):
    browser.arrive()
    data = urlencode({"logout_token": mint()})
    assert_refused(post(server1, None, data=data, content_type=kind))
    assert is_signed_in(browser)


def test_a_body_that_is_too_long_is_told_so(server1):
    assert post(server1, "x" * 17_000).status_code == 413


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_another_method_is_told_the_right_one(browser, server1, mint, method):
    browser.arrive()
    query = urlencode({"logout_token": mint()})
    answer = server1.open(f"{ENDPOINT}?{query}", method=method)
    assert (answer.status_code, {*answer.headers["Allow"].split(", ")}) == (
        405,
        {"OPTIONS", "POST"},
    )
    assert is_signed_in(browser)


# Whose token.


def test_a_handoff_token_ends_no_session(browser, server1, heard):
    token = browser.come_back().location.partition("id_token=")[2].partition("&")[0]
    assert_refused(post(server1, token))
    assert heard.errors() == ["token_malformed"]


def test_a_logout_token_signs_nobody_in(browser, mint, heard):
    location = browser.come_back().location
    token = location.partition("id_token=")[2].partition("&")[0]
    assert is_uniform_refusal(browser.get(location.replace(token, mint())))
    assert heard.errors() == ["token_malformed"]


def test_a_stranger_s_token_ends_no_session(browser, server1, tmp_path, clock, heard):
    new_key(tmp_path / "keys")
    stranger = TokenMinter(issuer=ISSUER, key_ring=KeyRing.open(tmp_path / "keys"), clock=clock)
    browser.arrive()
    token = stranger.mint_logout(audience="notes", session_id=SID, ended_at=clock())
    assert_refused(post(server1, token))
    assert heard.errors() == ["token_key_unknown"]
    assert is_signed_in(browser)


def test_the_token_of_another_receiver_ends_no_session_here(browser, server1, mint, heard):
    browser.arrive()
    assert_refused(post(server1, mint(audience="another")))
    assert heard.errors() == ["token_claim"]
    assert is_signed_in(browser)


# A logout and a handoff that cross.


def test_a_handoff_from_before_the_log_out_is_refused_after_it(travellers, mint):
    browser, heard = travellers
    answer = browser.come_back()
    assert_done(post(browser.apps[RECEIVER].test_client(use_cookies=False), mint()))
    assert is_uniform_refusal(browser.follow(answer))
    assert heard.errors() == ["session_ended"]
    assert not is_signed_in(browser)


def test_no_session_is_opened_or_ended_for_it_on_the_way(browser, receiver, server1, mint, clock):
    browser.sign_in("grace")
    browser.arrive()
    browser.sign_in("ada")
    handoff = browser.come_back()
    post(server1, mint(session_id=None, subject="ada"))
    receiver.extensions["signs_in"] = lambda _arrival: pytest.fail("nobody arrives")
    assert is_uniform_refusal(browser.follow(handoff))
    assert browser.get(f"{RECEIVER}/me").text == "grace"


@pytest.mark.parametrize("named", [{"session_id": SID}, {"session_id": None, "subject": "ada"}])
def test_it_is_refused_to_the_last_second_of_its_life(browser, server1, mint, clock, heard, named):
    handoff = browser.come_back()
    post(server1, mint(**named))
    clock.tick(seconds=64)
    post(server1, mint(session_id="another, which sweeps"))
    assert is_uniform_refusal(browser.follow(handoff))
    assert heard.errors() == ["session_ended"]


def test_a_log_out_is_remembered_longer_than_any_handoff_from_before_it(
    server1, mint, store, clock
):
    post(server1, mint())
    attempt, leeway, step = 600, 60, 3600
    assert store.forgets_logout_at == int(clock().timestamp()) + attempt + leeway + step


def test_a_clock_that_is_an_hour_ahead_meanwhile_loses_no_logout(
    browser, server1, mint, clock, heard
):
    handoff = browser.come_back()
    post(server1, mint())
    clock.tick(hours=1)
    post(server1, mint(session_id="another, which sweeps"))
    clock.tick(hours=-1)
    assert is_uniform_refusal(browser.follow(handoff))
    assert heard.errors() == ["session_ended"]


def test_who_comes_too_soon_after_it_is_told_to_wait(browser, server1, mint, clock):
    post(server1, mint(session_id=None, subject="ada"))
    page = browser.arrive().text
    assert "wait ten seconds" in page
    clock.tick(seconds=11)
    again = re.search(r'href="(/sso/login[^"]*)"', page)[1]
    to_server1 = browser.get(f"{RECEIVER}{again}")
    browser.follow(browser.get(to_server1.location))
    assert is_signed_in(browser)


def test_a_new_session_after_the_log_out_is_welcome(browser, server1, mint, clock):
    post(server1, mint(session_id=None, subject="ada"))
    clock.tick(seconds=11)
    browser.arrive()
    assert is_signed_in(browser)


@pytest.mark.parametrize("back", [8, 60, 3600])
def test_a_named_session_ends_though_the_issuer_s_clock_stepped_back(
    browser, server1, mint, clock, heard, back
):
    late = browser.come_back("/late")
    browser.arrive()
    ended_at = clock() - timedelta(seconds=back)
    assert_done(post(server1, mint(ended_at=ended_at)))
    assert not is_signed_in(browser)
    assert is_uniform_refusal(browser.follow(late))
    assert heard.errors() == ["session_ended"]


def test_a_named_session_stays_ended_for_handoffs_dated_later(browser, server1, mint, clock, heard):
    post(server1, mint())
    clock.tick(minutes=10)
    assert is_uniform_refusal(browser.arrive())
    assert heard.errors() == ["session_ended"]


def test_an_account_s_sessions_end_by_machines_that_differ_by_twice_the_leeway(
    browser, server1, mint, clock
):
    clock.tick(seconds=5)  # one machine of the issuer is ahead of the receiver
    browser.arrive()
    clock.tick(seconds=-5)  # the other is behind
    ended_at = clock() - timedelta(seconds=5)
    assert_done(post(server1, mint(session_id=None, subject="ada", ended_at=ended_at)))
    assert not is_signed_in(browser)


def test_a_log_out_while_the_session_is_being_opened_ends_it(
    browser, receiver, server1, mint, heard
):
    receiver.extensions["signs_in"] = lambda _arrival: assert_done(post(server1, mint()))
    assert is_uniform_refusal(browser.arrive())
    assert not is_signed_in(browser)
    assert receiver.extensions["sessions"] == {}
    assert [event for event, _ in heard.events] == ["logged out", "rejected"]
    [_, (_, told)] = heard.events
    assert (told["error"].code, told["error"].check) == ("session_ended", "session")


def test_when_the_store_goes_while_a_session_is_being_opened_nobody_is_signed_in(
    browser, receiver, store
):
    def lose_the_store(_arrival):
        store.out_of_reach = True

    receiver.extensions["signs_in"] = lose_the_store
    assert browser.arrive().status_code == 503
    assert receiver.extensions["sessions"] == {}


# What is out of reach.


def test_while_the_store_is_out_of_reach_it_is_refused(browser, server1, store, mint):
    browser.arrive()
    store.out_of_reach = True
    assert_refused(post(server1, mint()))
    store.out_of_reach = False
    assert is_signed_in(browser)
    assert_done(post(server1, mint()))
    assert not is_signed_in(browser)


def test_without_keys_it_is_refused(build_receiver, tmp_path, mint):
    keys = JWKSClient("http://127.0.0.1:9/jwks.json", deadline=timedelta(seconds=0.2))
    server1 = build_receiver(keys=keys).test_client(use_cookies=False)
    assert_refused(post(server1, mint()))
    keys.close()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ReplayStoreUnavailableError("gone"), "replay_store_unavailable"),
        (RuntimeError("a secret of the application"), "logout_failed"),
    ],
)
def test_a_hook_that_fails_is_answered_with_400(receiver, server1, mint, heard, error, code):
    def fail(_logout):
        raise error

    receiver.extensions["ends"] = fail
    assert_refused(post(server1, mint()))
    assert heard.errors() == [code]
    [(_, told)] = heard.events
    assert isinstance(told["error"], DependencyUnavailableError)
    assert "secret" not in str(told["error"])


# Beside all this.


def test_a_receiver_without_the_hook_has_no_such_address(build_receiver, mint):
    server1 = build_receiver(listens=False).test_client(use_cookies=False)
    assert post(server1, mint()).status_code == 404


def test_a_store_that_cannot_remember_log_outs_is_a_wrong_setting(receiver, key_ring):
    class OnlyReplays:
        def claim(self, issuer, jwt_id, *, expires_at, now): ...

        def ready(self): ...

    handoff = HandoffReceiver(
        sign_in=lambda _: "", live_session=lambda: None, end_sessions=lambda _: None
    )
    with pytest.raises(ConfigurationError, match="OnlyReplays"):
        handoff.init_app(receiver, replay_store=OnlyReplays(), keys=key_ring)


def test_the_endpoint_answers_to_an_internal_name(build_receiver, mint):
    app = build_receiver(HANDOFF_INTERNAL_HOSTS="server2:5002")
    server1 = app.test_client(use_cookies=False)
    assert_done(post(server1, mint(), base_url="http://server2:5002"))
    assert post(server1, mint(), base_url="http://evil.example.com").status_code == 400


def test_no_cookie_is_read_or_set(browser, receiver, mint):
    browser.arrive()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies().items())
    server1 = receiver.test_client(use_cookies=False)
    answer = post(server1, mint(session_id="another"), headers={"Cookie": cookie})
    assert_done(answer)
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_name_that_would_forge_a_log_line_is_not_logged(server1, mint, caplog):
    caplog.set_level("DEBUG")
    assert_done(post(server1, mint(session_id="s iss=https://attacker.example")))
    assert "logout accepted: sid=- iss=" in caplog.text


def test_no_token_is_ever_logged(server1, mint, caplog):
    caplog.set_level("DEBUG")
    good = mint()
    for token in (good, good, f"{good}x", "a.b.c"):
        post(server1, token)
    assert "logout accepted" in caplog.text
    assert "logout rejected: code=token_replayed check=one_use" in caplog.text
    assert not any(part in caplog.text for part in good.split("."))
