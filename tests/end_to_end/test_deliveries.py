"""Services that were away when a session ended, and servers that are killed meanwhile."""

import base64
import json
import os
import signal
import time
from contextlib import ExitStack
from urllib.parse import parse_qs, urlencode

import pytest

from tests.end_to_end.conftest import watched_pair
from tests.end_to_end.journey import EMAIL, Browser, fields_of
from tests.end_to_end.raw_http import ask, head
from tests.end_to_end.test_revocations import Issuer, jwt_id_of
from tests.end_to_end.test_revocations import ask as ask_api
from tests.jwks_endpoint import JWKSEndpoint, eventually, fails, response, says_nothing, sends
from tests.pair import running

PROMISED = 10  # seconds from when a service answers again until it has ended what it missed
SECONDS = 60  # for what has no bound
DONE = sends(response(b""))
ONLY_DELIVERIES_END_SESSIONS = {"SERVER2_TRUST_AFTER_START": "43200"}


@pytest.fixture
def browser_at():
    """Opens a browser before a pair that a test runs by itself."""
    with ExitStack() as stack:
        yield lambda pair: stack.enter_context(
            Browser(pair.server1.base_url, pair.server2.base_url)
        )


def sign_out(browser):
    page = browser.get(f"{browser.server1}/logout")
    return browser.post(f"{browser.server1}/logout", fields_of(page))


def is_signed_in_at(server, browser):
    """Ask one process of SERVER2, with the browser's cookies."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies("s2_session").items())
    lines = (f"Host: {server.host}", f"Cookie: {cookies}")
    return ask(server.address, head("GET /session HTTP/1.1", *lines)).status == 200


def await_sign_out(server, browser, ends_at):
    while is_signed_in_at(server, browser):
        assert time.monotonic() < ends_at, "the session at SERVER2 goes on"
        time.sleep(0.01)


def await_requests(service, number, ends_at):
    while service.count < number:
        assert time.monotonic() < ends_at, "the service was not notified"
        time.sleep(0.01)


def arrive(pair, browser):
    browser.sign_in(pair.password, browser.arrive("/session"))
    assert is_signed_in_at(pair.server2, browser)


def enter(browser, client_id):
    """Be handed on to a service, whose address nobody opens."""
    query = {
        "client_id": client_id,
        "redirect_uri": f"http://127.0.0.1:9/{client_id}",
        "response_type": "id_token",
        "response_mode": "query",
        "scope": "openid",
        "state": "s" * 43,
        "nonce": "n" * 43,
    }
    answer = browser.get(f"{browser.server1}/authorize?{urlencode(query)}")
    assert "id_token=" in answer.headers["Location"]


def registration(client_id, endpoint):
    return {
        "client_id": client_id,
        "name": client_id,
        "redirect_uris": [f"http://127.0.0.1:9/{client_id}"],
        "response_modes": ["query"],
        "initiate_login_uri": "http://127.0.0.1:9/sso/login",
        "backchannel_logout_uri": endpoint.uri,
        "first_party": True,
    }


def test_services_that_misbehave_are_notified_within_ten_seconds(tmp_path, browser_at):
    answers = {
        "healthy": DONE,
        "fails": fails(),
        "redirects": sends(response(b"", "Location: /elsewhere", status="302 Found")),
        **{f"hangs-{number}": says_nothing for number in range(10)},
    }
    with ExitStack() as stack:
        services = {
            name: stack.enter_context(JWKSEndpoint(answer)) for name, answer in answers.items()
        }
        clients = json.dumps([registration(*each) for each in services.items()])
        pair = stack.enter_context(watched_pair(tmp_path, server1={"HANDOFF_CLIENTS": clients}))
        browser = browser_at(pair)
        browser.sign_in(pair.password)
        for name in reversed(services):  # the healthy one is enqueued last
            enter(browser, name)
        sign_out(browser)
        for service in services.values():
            await_requests(service, 1, time.monotonic() + SECONDS)
        await_requests(services["fails"], 3, time.monotonic() + SECONDS)
        browser.sign_in(pair.password)
        for name in reversed(services):
            enter(browser, name)
        sign_out(browser)
        # Ten services hang, and are known to: it does not wait for any of their deadlines.
        await_requests(services["healthy"], 2, time.monotonic() + 2)
        missed = {name: services[name].count for name in services}
        for service in services.values():
            service.answer = DONE
        ends_at = time.monotonic() + PROMISED
        for name in answers.keys() - {"healthy"}:
            await_requests(services[name], missed[name] + 2, ends_at)
            assert len(set(map(session_of, services[name].requests[-2:]))) == 2
        # No line for each of the tries.
        eventually(lambda: pair.server1.log.count(": answers again") == 12, within=SECONDS)
        assert pair.server1.log.count(": retry later") == 12


def session_of(request):
    """Return the session that a logout token on its way to a service names."""
    [token] = parse_qs(request.partition(b"\r\n\r\n")[2].decode())["logout_token"]
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["sid"]


def test_both_servers_are_killed_and_no_logout_is_lost(tmp_path, browser_at):
    """SERVER1 between commit and delivery. SERVER2 comes back as two processes."""
    with watched_pair(tmp_path, server2=ONLY_DELIVERIES_END_SESSIONS) as pair:
        browser = browser_at(pair)
        arrive(pair, browser)
        pair.server1.kill()
        pair.server2.kill()
        pair.server1.flask("users", "disable", EMAIL)  # which commits, and delivers nothing
        pair.server1.start()
        eventually(lambda: ": retry later" in pair.server1.log, within=SECONDS)
        replica = pair.replica()
        with running(replica):
            pair.server2.start()
            ends_at = time.monotonic() + PROMISED
            for server in (pair.server2, replica):
                await_sign_out(server, browser, ends_at)


def test_a_service_killed_in_mid_delivery_is_notified(tmp_path, browser_at):
    with watched_pair(tmp_path, server2=ONLY_DELIVERIES_END_SESSIONS) as pair:
        browser, token = browser_at(pair), Issuer(pair.server1).token(pair.server2, "somebody")
        arrive(pair, browser)
        os.killpg(pair.server2.process.pid, signal.SIGSTOP)  # it takes connections, and hangs
        sign_out(browser)
        pair.server1.flask("revoke", "--token-id", jwt_id_of(token))
        eventually(lambda: are_being_sent(pair, "logout", "revocation"), within=SECONDS)
        pair.server2.kill()
        pair.server2.start()
        ends_at = time.monotonic() + PROMISED
        await_sign_out(pair.server2, browser, ends_at)
        while ask_api(pair.server2, token) == 200:
            assert time.monotonic() < ends_at, "the token is good at SERVER2's API"


def are_being_sent(pair, *kinds):
    lines = pair.server1.flask("outbox", "list").splitlines()
    return all(any(kind in line and "being sent" in line for line in lines) for kind in kinds)


# What SERVER2 does by itself: without deliveries, since nobody knows its address for them.


def test_after_a_restart_sessions_are_checked_at_server1(tmp_path, browser_at):
    with watched_pair(
        tmp_path,
        server2={"SERVER2_TRUST_AFTER_START": "0"},
        client={"backchannel_logout_uri": None},
    ) as pair:
        stays, leaves = browser_at(pair), browser_at(pair)
        for browser in (stays, leaves):
            arrive(pair, browser)
        form = fields_of(stays.get(f"{stays.server2}/notes"))
        pair.server2.kill()
        sign_out(leaves)
        pair.server2.start()
        home = f"{stays.server2}/"  # which takes it for no session, 5 s after the last arrival
        eventually(lambda: "Signed in as" not in leaves.get(home).text, within=SECONDS)
        text = {"csrf_token": form["csrf_token"], "text": "typed before the restart"}
        unsaved = stays.post(f"{stays.server2}/notes", text)
        assert unsaved.status_code == 403
        assert "typed before the restart" in unsaved.text
        page = f"{stays.server2}/notes?before=99"
        assert stays.follow(stays.get(page)).url == page
        notes = stays.get(f"{stays.server2}/notes")
        assert notes.status_code == 200
        assert "typed before the restart" not in notes.text
        page = leaves.follow(leaves.get(f"{leaves.server2}/notes?before=99"))
        assert page.url.startswith(f"{leaves.server2}/signed-out?")
        assert 'href="/sso/login?target_link_uri=%2Fnotes%3Fbefore%3D99"' in page.text
