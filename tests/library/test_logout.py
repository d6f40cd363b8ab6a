"""Logouts as they are told, to an endpoint on loopback that answers well or badly."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from flask_handoff import Client, TokenMinter
from flask_handoff.errors import LogoutNotDeliveredError
from flask_handoff.issuer.logout import deliver_logout
from tests.jwks_endpoint import JWKSEndpoint, drip, endless, response, says_nothing, sends
from tests.minimal_pair import CLIENT
from tests.stopwatch import keeps, without_waiting
from tests.token_texts import JWT
from tests.token_trial import CLIENT_ID, ISSUER, LogoutTrial

DEADLINE = timedelta(seconds=0.2)
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def minter(key_ring, clock):
    return TokenMinter(issuer=ISSUER, key_ring=key_ring, clock=clock)


@pytest.fixture
def deliver(minter, clock):
    """Tells the endpoint of one logout."""

    def deliver_to(uri, deadline=DEADLINE, **named):
        deliver_logout(
            minter,
            registered(uri),
            ended_at=clock(),
            deadline=deadline,
            **(named or {"session_id": "s"}),
        )

    return deliver_to


def registered(uri):
    return Client(
        CLIENT_ID,
        "Notes",
        ("http://localhost:1/",),
        "http://localhost:1/",
        backchannel_logout_uri=uri,
    )


def test_what_is_posted_is_one_good_token_and_nothing_of_ours(deliver, key_ring, clock):
    with JWKSEndpoint(sends(response(b""))) as endpoint:
        deliver(endpoint.uri, session_id="s", subject="u")
    head, _, body = endpoint.requests[0].decode().partition("\r\n\r\n")
    request_line, *headers = head.split("\r\n")
    assert request_line == "POST /.well-known/jwks.json HTTP/1.1"
    assert sorted(headers) == sorted(
        [
            f"Host: {endpoint.uri.split('/')[2]}",
            "User-Agent: flask-handoff",
            "Accept-Encoding: identity",
            "Accept: application/json",
            "Connection: close",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
        ]
    )
    [(name, [token])] = parse_qs(body).items()
    proved = LogoutTrial(key_ring, clock).verify(token)
    assert name == "logout_token"
    assert (proved.session_id, proved.subject) == ("s", "u")
    assert proved.ended_at == clock()


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
def test_a_client_may_say_that_it_is_done_with_or_without_words(deliver, status):
    with JWKSEndpoint(sends(response(b"", status=status))) as endpoint:
        deliver(endpoint.uri)


def test_the_words_of_the_answer_are_not_waited_for(deliver):
    with JWKSEndpoint(drip(OK + b"Content-Length: 1000\r\n\r\n", b"x")) as endpoint:
        deliver(endpoint.uri)


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Oops", "201 Created"])
def test_any_other_status_is_a_failure_that_names_it(deliver, status):
    with (
        JWKSEndpoint(sends(response(b'{"error": "a secret"}', status=status))) as endpoint,
        pytest.raises(LogoutNotDeliveredError) as failure,
    ):
        deliver(endpoint.uri)
    assert str(failure.value) == f"expected status 200, got {status[:3]}"
    assert failure.value.code == "logout_not_delivered"


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_a_redirect_is_a_failure_and_is_not_followed(deliver, status):
    with JWKSEndpoint(sends(response(b""))) as inner:
        moved = response(b"", f"Location: {inner.uri}", status=f"{status} Moved")
        with JWKSEndpoint(sends(moved)) as endpoint, pytest.raises(LogoutNotDeliveredError):
            deliver(endpoint.uri)
        assert inner.count == 0


@pytest.mark.parametrize(
    "answer",
    [says_nothing, drip(OK, b"X: y\r\n"), drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n")],
    ids=["nothing", "headers in drops", "interim answers"],
)
def test_a_client_that_never_comes_to_an_end_is_left_at_the_deadline(deliver, answer):
    with JWKSEndpoint(answer) as endpoint:

        def tell():
            with pytest.raises(LogoutNotDeliveredError, match=r"within 0\.2 s|the request failed"):
                deliver(endpoint.uri)

        keeps(DEADLINE, tell, least=0)


def test_headers_without_end_are_cut_at_once(deliver):
    with (
        JWKSEndpoint(endless(OK, b"X: y\r\n")) as endpoint,
        pytest.raises(LogoutNotDeliveredError),
    ):
        without_waiting(lambda: deliver(endpoint.uri, deadline=timedelta(hours=1)))


def test_a_client_that_is_down_is_a_failure_that_names_no_token(deliver):
    with JWKSEndpoint(sends()) as endpoint:
        uri = endpoint.uri
    with pytest.raises(LogoutNotDeliveredError) as failure:
        deliver(uri)
    assert not JWT.search(f"{failure.value!r} {failure.value.__cause__!r}")


def test_proxies_and_a_netrc_of_the_environment_are_not_used(deliver, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with (
        JWKSEndpoint(sends(response(b""))) as proxy,
        JWKSEndpoint(sends(response(b""))) as endpoint,
    ):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.uri.rpartition("/.well")[0])
        deliver(endpoint.uri)
    assert proxy.count == 0
    assert b"uthorization" not in endpoint.requests[0]


def test_each_attempt_has_a_token_of_its_own(deliver):
    with JWKSEndpoint(sends(response(b"", status="400 Bad Request"))) as endpoint:
        for _ in range(2):
            with pytest.raises(LogoutNotDeliveredError):
                deliver(endpoint.uri)
    first, second = (request.partition(b"\r\n\r\n")[2] for request in endpoint.requests)
    assert first != second


def test_a_client_without_an_address_is_not_told(deliver):
    with pytest.raises(LogoutNotDeliveredError, match="has no backchannel_logout_uri"):
        deliver(None)


def test_the_issuer_signs_what_the_receiver_of_a_pair_believes(build_issuer, browser, receiver):
    """The extension's own method, with the receiver's test client for the network."""
    browser.arrive()
    with JWKSEndpoint(sends(response(b""))) as endpoint:
        issuer = build_issuer(HANDOFF_CLIENTS=[{**CLIENT, "backchannel_logout_uri": endpoint.uri}])
        with issuer.app_context():
            handoff = issuer.extensions["handoff"]
            [client] = handoff.clients()
            ended_at = receiver.extensions["handoff_receiver"].verifier.clock()
            handoff.send_logout(client, ended_at=ended_at, session_id="a-session-at-server1")
    form = endpoint.requests[0].partition(b"\r\n\r\n")[2]
    answer = receiver.test_client(use_cookies=False).post(
        "/sso/backchannel-logout",
        base_url="http://127.0.0.1:5002",
        data=form,
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 200
    assert browser.get("http://127.0.0.1:5002/me").text == "nobody"
