"""Logout across the two servers: real processes, real sockets, and services that misbehave."""

import base64
import json
import re
import sqlite3
import time
from contextlib import ExitStack, closing
from itertools import pairwise
from urllib.parse import parse_qs, urlencode, urljoin

import pytest

from flask_handoff.issuer.notices import DEADLINE
from flask_handoff.keys import KeyRing, new_key
from flask_handoff.profiles import LOGOUT_EVENT
from tests.end_to_end.conftest import watched, watched_pair
from tests.end_to_end.journey import EMAIL, Browser, action_of, fields_of, parameters_of
from tests.end_to_end.mailbox import link_mailed_to, links_mailed_to
from tests.end_to_end.raw_http import ask, head
from tests.jwks_endpoint import JWKSEndpoint, drip, eventually, response, says_nothing, sends
from tests.pair import described_pair, running
from tests.stopwatch import TRIES, WALL_TIME, slowdown
from tests.token_trial import Draft, base64url, claims, header, without

SECONDS = 60  # a logout is there after a fraction of one; a busy machine takes its time
NEW_PASSWORD = "another password of the tests"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A pair of this module's own, with two workers of SERVER1."""
    folder = tmp_path_factory.mktemp("logout")
    with watched_pair(folder, server1={"SERVER1_WORKERS": "2"}) as pair:
        yield pair


@pytest.fixture(scope="module")
def replica(pair):
    """A second process of SERVER2, on the same database."""
    replica = pair.replica()
    with running(replica):
        yield replica


@pytest.fixture
def new_browser_at():
    """Opens a browser before a pair that a test runs by itself."""
    with ExitStack() as stack:
        yield lambda pair: stack.enter_context(
            Browser(pair.server1.base_url, pair.server2.base_url)
        )


@pytest.fixture
def arrived(pair, browser):
    """A browser that is signed in at both servers."""
    browser.sign_in(pair.password, browser.arrive("/session"))
    assert is_signed_in(browser)
    return browser


def is_signed_in(browser):
    return browser.get(f"{browser.server2}/session").status_code == 200


def is_signed_in_at(server, browser):
    """Ask one process of SERVER2, with the browser's cookies."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies("s2_session").items())
    lines = (f"Host: {server.host}", f"Cookie: {cookies}")
    return ask(server.address, head("GET /session HTTP/1.1", *lines)).status == 200


def assert_signed_out_at(server, browser):
    eventually(lambda: not is_signed_in_at(server, browser), within=SECONDS)


def sign_out(browser):
    page = browser.get(f"{browser.server1}/logout")
    return browser.post(f"{browser.server1}/logout", {"csrf_token": fields_of(page)["csrf_token"]})


def tell(server, token):
    """Post a logout token as SERVER1 does, and return the answer."""
    body = urlencode({"logout_token": token}).encode()
    lines = (
        f"Host: {server.host}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    )
    return ask(server.address, head("POST /sso/backchannel-logout HTTP/1.1", *lines) + body)


# Sessions that end at SERVER1 end at SERVER2.


def test_signing_out_at_server1_ends_the_session_in_every_process_of_server2(
    pair, replica, arrived
):
    assert is_signed_in_at(pair.server2, arrived)
    assert is_signed_in_at(replica, arrived)
    assert sign_out(arrived).status_code == 303
    for server in (pair.server2, replica):
        assert_signed_out_at(server, arrived)


def test_a_new_password_ends_the_sessions_at_server2_in_every_browser(pair, replica, new_browser):
    browsers = [new_browser() for _ in range(2)]
    for browser in browsers:
        browser.sign_in(pair.password, browser.arrive("/session"))
    reset_password(pair.server1, new_browser(), NEW_PASSWORD)
    for browser in browsers:
        for server in (pair.server2, replica):
            assert_signed_out_at(server, browser)
    again = new_browser()
    again.sign_in(NEW_PASSWORD, again.arrive("/session"))
    assert is_signed_in(again)
    pair.server1.flask("users", "create", EMAIL, "--password-stdin", "--replace-password")
    eventually(lambda: not is_signed_in(again), within=SECONDS)


@pytest.mark.parametrize("end", ["sign-out", "new password"])
def test_a_session_ends_though_server1_s_clock_has_stepped_back(pair, arrived, new_browser, end):
    # As if SERVER1's clock had been a minute ahead when the token was issued.
    with closing(sqlite3.connect(pair.server2.folder / "server2.sqlite3")) as database, database:
        database.execute(
            "UPDATE sessions SET token_issued_at = datetime(token_issued_at, '+1 minute')"
        )
    if end == "sign-out":
        sign_out(arrived)
    else:
        reset_password(pair.server1, new_browser(), NEW_PASSWORD)
    assert_signed_out_at(pair.server2, arrived)
    pair.server1.flask("users", "create", EMAIL, "--password-stdin", "--replace-password")


def reset_password(server1, browser, password):
    """Go the way of whoever forgot it: by the mail, which the demo keeps in a folder."""
    before = links_mailed_to(server1, EMAIL, "reset-password")
    page = browser.get(f"{server1.base_url}/forgot-password")
    browser.post(urljoin(page.url, action_of(page)), {**fields_of(page), "email": EMAIL})
    page = browser.get(link_mailed_to(server1, EMAIL, "reset-password", before))
    fields = {**fields_of(page), "password": password}
    assert browser.post(urljoin(page.url, action_of(page)), fields).status_code == 303


def test_an_account_that_is_disabled_by_command_is_signed_out_at_server2(pair, arrived):
    pair.server1.flask("users", "disable", EMAIL)
    try:
        eventually(lambda: not is_signed_in(arrived), within=SECONDS)
    finally:
        pair.server1.flask("users", "enable", EMAIL)


def test_another_session_of_the_same_account_goes_on(pair, arrived, new_browser):
    other = new_browser()
    other.sign_in(pair.password, other.arrive("/session"))
    sign_out(other)
    eventually(lambda: not is_signed_in(other), within=SECONDS)
    assert is_signed_in(arrived)


def test_signing_out_at_server2_leaves_the_session_at_server1(pair, arrived):
    page = arrived.get(f"{arrived.server2}/logout")
    arrived.post(f"{arrived.server2}/logout", {"csrf_token": fields_of(page)["csrf_token"]})
    assert not is_signed_in(arrived)
    assert arrived.arrive("/session").url == f"{arrived.server2}/session"


def test_a_handoff_that_was_under_way_during_the_log_out_is_refused(pair, arrived):
    """The token was minted before the logout, and is redeemed after it."""
    callback = arrived.callback_url("/session")
    sign_out(arrived)
    eventually(lambda: not is_signed_in(arrived), within=SECONDS)
    assert arrived.get(callback).status_code == 403
    assert "code=session_ended check=session" in pair.server2.log
    assert not is_signed_in(arrived)


def test_whoever_signs_in_again_at_once_is_signed_in(pair, arrived):
    sign_out(arrived)
    arrived.sign_in(pair.password, arrived.arrive("/session"))
    eventually(lambda: listed(pair.server1) == "Nothing waits.\n", within=SECONDS)
    assert is_signed_in(arrived)


# Bad times.


def test_a_log_out_is_told_when_server2_is_back_also_by_a_server1_that_was_restarted(
    tmp_path, new_browser_at
):
    # Else the session would end without having been notified.
    with watched_pair(tmp_path, server2={"SERVER2_TRUST_AFTER_START": "43200"}) as pair:
        browser = new_browser_at(pair)
        browser.sign_in(pair.password, browser.arrive("/session"))
        session = browser.cookies("s2_session")
        pair.server2.stop()
        sign_out(browser)
        eventually(lambda: "logout 1 server2: retry later" in pair.server1.log, within=SECONDS)
        pair.server1.stop()
        pair.server2.start()
        browser.take_cookies(session)
        assert is_signed_in(browser)
        pair.server1.start()
        eventually(lambda: not is_signed_in(browser), within=SECONDS)


def test_log_outs_survive_a_kill_in_the_middle_of_telling(tmp_path, new_browser_at):
    with (
        JWKSEndpoint(says_nothing) as service,
        watched_pair(tmp_path, client={"backchannel_logout_uri": service.uri}) as pair,
    ):
        browsers = [new_browser_at(pair) for _ in range(2)]
        for browser in browsers:
            browser.sign_in(pair.password, browser.arrive("/session"))
        sign_out(browsers[0])
        eventually(lambda: service.count == 1, within=SECONDS)
        pair.server1.kill()
        service.answer = sends(response(b""))
        pair.server1.start()
        sign_out(browsers[1])
        # The killed process has leased one of the two, and it waits for that no longer.
        eventually(lambda: service.count == 3, within=10)
        eventually(lambda: listed(pair.server1) == "Nothing waits.\n", within=SECONDS)
        killed, *after = map(session_told, service.requests)
        assert len(after) == 2
        assert killed in after


@pytest.mark.parametrize(
    "answer", [says_nothing, drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n")], ids=["hangs", "drips"]
)
def test_a_service_that_hangs_slows_no_sign_out(tmp_path, new_browser_at, answer):
    arrivals = []

    def hang(connection):
        arrivals.append(time.monotonic())
        answer(connection)

    with (
        JWKSEndpoint(hang) as tarpit,
        watched_pair(tmp_path, client={"backchannel_logout_uri": tarpit.uri}) as pair,
    ):
        handed_on = [new_browser_at(pair) for _ in range(1 + TRIES)]
        others = [new_browser_at(pair) for _ in range(TRIES)]
        for browser in handed_on:
            browser.sign_in(pair.password, browser.arrive("/session"))
        for browser in others:
            browser.sign_in(pair.password)
        sign_out(handed_on.pop())
        eventually(lambda: tarpit.count == 1, within=SECONDS)
        each = (lambda: sign_out(handed_on.pop())), (lambda: sign_out(others.pop()))
        # A sign-out that waits for nobody takes 10 ms: ten times that is what is promised.
        assert slowdown(*each, bound=10, clock=WALL_TIME) < 10
        while handed_on:
            sign_out(handed_on.pop())
        reason = "no complete answer within 5 s|the request failed"
        eventually(lambda: bool(re.search(reason, listed(pair.server1))), within=SECONDS)
        # A logout may come long after the first, where the machine is slow: it is tried at once.
        pauses = [after - before for before, after in pairwise(arrivals)]
        assert all(pause > DEADLINE.total_seconds() / 2 for pause in pauses), "one after another"
        tarpit.stop()


def test_who_signs_out_everywhere_at_notes_waits_for_no_service(tmp_path, new_browser_at):
    with (
        JWKSEndpoint(says_nothing) as tarpit,
        watched_pair(tmp_path, client={"backchannel_logout_uri": tarpit.uri}) as pair,
    ):
        browser = new_browser_at(pair)
        browser.sign_in(pair.password, browser.arrive("/session"))
        form = {**fields_of(browser.get(f"{browser.server2}/logout")), "where": "everywhere"}
        answer = browser.post(f"{browser.server2}/logout", form)
        assert answer.headers["Location"].startswith(f"{browser.server1}/end-session?")
        end = browser.follow(answer)
        assert end.url.startswith(f"{browser.server2}/logout?state=")
        assert "You are signed out everywhere" in end.text
        assert browser.get(f"{browser.server1}/account").status_code == 303
        assert "is being notified" in browser.get(f"{browser.server1}/logout").text
        eventually(lambda: tarpit.count == 1, within=SECONDS)
        assert "is being notified" in browser.get(f"{browser.server1}/logout").text
        tarpit.stop()


def listed(server1):
    return server1.flask("outbox", "list")


def session_told(request):
    """Return the session that a logout token on its way to a service names."""
    [token] = parse_qs(request.partition(b"\r\n\r\n")[2].decode())["logout_token"]
    return payload_of(token)["sid"]


def payload_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def test_server2_is_told_by_a_name_of_the_inside(tmp_path, new_browser_at):
    pair = described_pair(tmp_path)
    inside = f"localhost:{pair.server2.port}"
    clients = registration(pair, f"http://{inside}/sso/backchannel-logout")
    pair.server1.environment = {**pair.server1.environment, "HANDOFF_CLIENTS": clients}
    pair.server2.environment = {**pair.server2.environment, "HANDOFF_INTERNAL_HOSTS": inside}
    with watched(pair):
        browser = new_browser_at(pair)
        browser.sign_in(pair.password, browser.arrive("/session"))
        sign_out(browser)
        eventually(lambda: not is_signed_in(browser), within=SECONDS)


def registration(pair, backchannel_logout_uri):
    return json.dumps(
        [
            {
                "client_id": "server2",
                "name": "Notes",
                "redirect_uris": [f"{pair.server2.base_url}/sso/callback"],
                "response_modes": ["query"],
                "initiate_login_uri": f"{pair.server2.base_url}/sso/login",
                "backchannel_logout_uri": backchannel_logout_uri,
                "first_party": True,
            }
        ]
    )


# What SERVER2 takes for a logout: the tests of OpenID's conformance suite, and more.


@pytest.fixture
def draft(pair, arrived):
    """A good logout token about this browser's session, before it is signed by SERVER1's key."""
    key = KeyRing.open(pair.server1.folder / "keys").signing_key
    now = int(time.time())
    return Draft(
        {"alg": "RS256", "kid": key.kid, "typ": "logout+jwt"},
        {
            "iss": pair.server1.base_url,
            "aud": "server2",
            "iat": now,
            "exp": now + 120,
            "jti": base64url(str(time.time_ns()).rjust(32).encode()),
            **session_of(arrived),
            "toe": now,
            "events": {LOGOUT_EVENT: {}},
        },
        key.private_key,
    )


def session_of(browser):
    """Return the claims that name a browser's session, from a token that it is handed on with."""
    payload = payload_of(parameters_of(browser.callback_url())["id_token"])
    return {name: payload[name] for name in ("sid", "sub")}


def unsigned(draft):
    draft.header["alg"] = "none"
    return f"{draft.signing_input}."


def with_the_public_key_as_secret(draft):
    draft.header["alg"] = "HS256"
    return draft.signed()


def without_a_name(draft):
    del draft.payload["sid"], draft.payload["sub"]


NAMES = "oidcc-client-test-rp-backchannel-rpinitlogout"
CONFORMANCE = {
    f"{NAMES}-alg-none": unsigned,
    f"{NAMES}-no-event": without("events"),
    f"{NAMES}-with-nonce": claims(nonce="n" * 43),
    f"{NAMES}-wrong-alg": header(alg="RS512"),
    f"{NAMES}-wrong-aud": claims(aud="another"),
    f"{NAMES}-wrong-event": claims(events={"urn:example:another": {}}),
    f"{NAMES}-wrong-iss": claims(iss="https://attacker.example"),
}
BEYOND = {
    "typ of a handoff": header(typ="handoff+jwt"),
    "typ of any JWT": header(typ="JWT"),
    "events as a list": claims(events=[LOGOUT_EVENT]),
    "nobody named": without_a_name,
    "two audiences": claims(aud=["server2", "another"]),
    "over two minutes old": claims(iat=1, exp=121, toe=1),
    "of years": claims(exp=2**33),
    "hmac": with_the_public_key_as_secret,
}


WRONG = {**CONFORMANCE, **BEYOND}


def spoiled(draft, change):
    text = change(draft)
    return draft.signed() if text is None else text


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_wrong_logout_token_is_refused_and_the_session_goes_on(pair, arrived, draft, change):
    answer = tell(pair.server2, spoiled(draft, change))
    assert answer.status == 400
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.body)["error"] == "invalid_request"
    assert "Set-Cookie" not in answer.headers
    assert is_signed_in(arrived)


def test_a_good_logout_token_ends_the_session_in_every_process_once(pair, replica, arrived, draft):
    """``oidcc-client-test-rp-backchannel-rpinitlogout``, and its repetition."""
    token = draft.signed()
    answer = tell(replica, token)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert not is_signed_in_at(pair.server2, arrived)
    assert not is_signed_in_at(replica, arrived)
    assert tell(pair.server2, token).status == 400


def test_a_logout_token_of_a_key_that_server1_does_not_publish_is_refused(
    pair, arrived, draft, tmp_path
):
    new_key(tmp_path / "keys")
    stranger = KeyRing.open(tmp_path / "keys").signing_key
    draft.header["kid"], draft.private_key = stranger.kid, stranger.private_key
    assert tell(pair.server2, draft.signed()).status == 400
    assert is_signed_in(arrived)
