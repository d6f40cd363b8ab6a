import datetime
import socket
from contextlib import suppress
from datetime import UTC, timedelta

import pytest

from flask_handoff import bounded_http
from flask_handoff.errors import ConfigurationError, JWKSUnavailableError
from flask_handoff.keys import JWKSClient
from flask_handoff.keys.remote import fetch as jwks_fetch
from flask_handoff.keys.remote.fetch import fetch_jwks
from flask_handoff.keys.remote.renewal import FETCH_DEADLINE
from tests.jwks_endpoint import (
    JWKSEndpoint,
    drip,
    endless,
    jwks,
    publishes,
    response,
    says_nothing,
    sends,
)
from tests.stopwatch import keeps, without_waiting

DEADLINE = timedelta(seconds=0.2)
DEADLINE_OVER_TLS = timedelta(seconds=1)  # the handshake must be over by then
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def test_the_bounds_are_those_of_the_threat_model():
    assert timedelta(seconds=2) == bounded_http.CONNECT_TIMEOUT
    assert timedelta(seconds=5) == FETCH_DEADLINE
    assert jwks_fetch.MAXIMUM_JWKS_BYTES == 65_536


def test_a_good_answer_comes_back_byte_for_byte():
    with JWKSEndpoint(publishes("one")) as endpoint:
        assert fetch_jwks(endpoint.uri)[0] == jwks("one")


def test_an_answer_in_chunks_is_put_together():
    answer = sends(CHUNKED, b"5\r\nhello\r\n", b"7;ext=1\r\n, world\r\n", b"0\r\nX: 1\r\n\r\n")
    with JWKSEndpoint(answer) as endpoint:
        assert fetch_jwks(endpoint.uri)[0] == b"hello, world"


def test_an_answer_that_ends_with_the_connection_is_taken():
    with JWKSEndpoint(sends(OK + b"\r\nhello")) as endpoint:
        assert fetch_jwks(endpoint.uri)[0] == b"hello"


def test_the_request_asks_for_a_plain_answer_and_carries_nothing_of_ours():
    with JWKSEndpoint(publishes("one")) as endpoint:
        fetch_jwks(endpoint.uri)
    request_line, *headers = endpoint.requests[0].decode().rstrip("\r\n").split("\r\n")
    assert request_line == "GET /.well-known/jwks.json HTTP/1.1"
    assert sorted(headers) == sorted(
        [
            f"Host: {endpoint.uri.split('/')[2]}",
            "User-Agent: flask-handoff",
            "Accept-Encoding: identity",
            "Cache-Control: no-cache",
            "Accept: application/jwk-set+json, application/json",
            "Connection: close",
        ]
    )


@pytest.mark.parametrize("answer", [publishes("one"), sends(response(b"", status="404 Not Found"))])
def test_no_connection_is_kept_open(answer):
    with JWKSEndpoint(answer) as endpoint:
        with suppress(JWKSUnavailableError):
            fetch_jwks(endpoint.uri)
        assert endpoint.left.wait(60)


def test_the_date_of_the_answer_is_kept():
    answer = sends(response(b"{}", "Date: Wed, 25 Nov 2026 10:00:00 GMT"))
    with JWKSEndpoint(answer) as endpoint:
        date = fetch_jwks(endpoint.uri)[1]
    assert date == datetime.datetime(2026, 11, 25, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "header",
    [
        "X: no date at all",
        "Date:",
        "Date: tomorrow",
        "Date: Wed, 99 Nov 2026 10:00:00 GMT",
        "Date: Wed, 25 Nov 99999999999 10:00:00 GMT",
        "Date: Fri, 31 Dec 9999 23:59:59 -2359",
        "Date: " + "9" * 5000,
    ],
)
def test_a_date_that_cannot_be_read_is_none(header):
    with JWKSEndpoint(sends(response(b"{}", header))) as endpoint:
        assert fetch_jwks(endpoint.uri)[1] is None


def test_a_date_without_a_zone_is_taken_as_utc():
    answer = sends(response(b"{}", "Date: Wed, 25 Nov 2026 10:00:00 -0000"))
    with JWKSEndpoint(answer) as endpoint:
        date = fetch_jwks(endpoint.uri)[1]
    assert date == datetime.datetime(2026, 11, 25, 10, tzinfo=UTC)


def test_an_answer_that_a_proxy_passes_on_is_taken():
    status = "203 Non-Authoritative Information"
    with JWKSEndpoint(sends(response(b"{}", status=status))) as endpoint:
        assert fetch_jwks(endpoint.uri)[0] == b"{}"


@pytest.mark.parametrize("value", ["identity", " Identity "])
def test_an_encoding_that_is_none_is_taken(value):
    with JWKSEndpoint(sends(response(b"{}", f"Content-Encoding:{value}"))) as endpoint:
        assert fetch_jwks(endpoint.uri)[0] == b"{}"


def test_a_body_of_64_kib_is_taken():
    with JWKSEndpoint(sends(response(b"x" * 65_536))) as endpoint:
        assert len(fetch_jwks(endpoint.uri)[0]) == 65_536


@pytest.mark.parametrize(
    "answer",
    [
        sends(response(b"x" * 65_537)),
        sends(OK + b"\r\n", b"x" * 65_537),
        sends(CHUNKED, b"10001\r\n", b"x" * 65_537, b"\r\n0\r\n\r\n"),
    ],
    ids=["with its length", "to the end of the connection", "in one chunk"],
)
def test_one_byte_more_than_64_kib_is_refused(answer):
    with (
        JWKSEndpoint(answer) as endpoint,
        pytest.raises(JWKSUnavailableError, match="longer than 65536 bytes"),
    ):
        fetch_jwks(endpoint.uri)


@pytest.mark.parametrize(
    "answer",
    [
        endless(OK, b"X: y\r\n"),
        endless(OK + b"X: ", b"y"),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        endless(CHUNKED, b"1\r\nx\r\n"),
        endless(CHUNKED, b"0"),
        endless(CHUNKED + b"1;", b"y"),
        endless(CHUNKED + b"0\r\n", b"X: y\r\n"),
        endless(OK + b"\r\n", b"x"),
        endless(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"x"),
    ],
    ids=[
        "headers",
        "one header",
        "interim answers",
        "small chunks",
        "the size of a chunk",
        "the extension of a chunk",
        "trailers",
        "the body",
        "the body of a redirect",
    ],
)
def test_an_answer_without_end_is_cut_at_once(answer):
    with JWKSEndpoint(answer) as endpoint:

        def fetch():
            fetch_jwks(endpoint.uri, deadline=timedelta(hours=1))

        with pytest.raises(JWKSUnavailableError):
            without_waiting(fetch)


@pytest.mark.parametrize(
    "answer",
    [
        says_nothing,
        drip(b"", b"HTTP/1.1 200 " + b"x" * 10_000),
        drip(OK, b"X: y\r\n"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drip(OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        drip(OK + b"\r\n", b"x"),
        drip(CHUNKED, b"1\r\nx\r\n"),
        drip(CHUNKED + b"0\r\n", b"X: y\r\n"),
    ],
    ids=[
        "nothing",
        "the status line",
        "headers",
        "interim answers",
        "the body",
        "the body until the connection ends",
        "chunks",
        "trailers",
    ],
)
def test_an_answer_that_comes_in_drops_is_cut_at_the_deadline(answer):
    with JWKSEndpoint(answer) as endpoint:

        def fetch():
            with pytest.raises(JWKSUnavailableError, match=r"no complete answer within 0\.2 s"):
                fetch_jwks(endpoint.uri, deadline=DEADLINE)

        keeps(DEADLINE, fetch)


@pytest.mark.parametrize(
    "answer",
    [says_nothing, drip(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb", b"x")],
    ids=["nothing", "a hello in drops"],
)
def test_a_tls_handshake_that_never_ends_is_cut_at_the_deadline(answer):
    with JWKSEndpoint(answer, listens_first=False) as endpoint:

        def fetch():
            with pytest.raises(JWKSUnavailableError):
                fetch_jwks(endpoint.uri.replace("http://", "https://"), deadline=DEADLINE)

        keeps(DEADLINE, fetch)


def test_an_answer_in_drops_is_cut_at_the_deadline_over_tls_too(tls, certificate):
    answer = drip(OK + b"Content-Length: 1000\r\n\r\n", b"x")
    with JWKSEndpoint(answer, tls=tls) as endpoint:

        def fetch():
            with pytest.raises(JWKSUnavailableError, match="no complete answer within 1 s"):
                fetch_jwks(endpoint.uri, deadline=DEADLINE_OVER_TLS, ca_file=certificate)

        keeps(DEADLINE_OVER_TLS, fetch)


def test_an_answer_over_tls_is_taken_from_a_trusted_authority(tls, certificate):
    with JWKSEndpoint(publishes("one"), tls=tls) as endpoint:
        fetched = fetch_jwks(endpoint.uri, ca_file=certificate)
    assert fetched[0] == jwks("one")


def test_an_answer_over_tls_is_refused_from_an_unknown_authority(tls):
    with (
        JWKSEndpoint(publishes("one"), tls=tls) as endpoint,
        pytest.raises(JWKSUnavailableError, match="SSLCertVerificationError"),
    ):
        fetch_jwks(endpoint.uri)
    assert endpoint.count == 0


@pytest.mark.parametrize(
    "status",
    ["201 Created", "204 No Content", "206 Partial Content", "304 Not Modified", "404 Not Found"],
)
def test_a_status_other_than_200_is_refused(status):
    with (
        JWKSEndpoint(sends(response(b"{}", status=status))) as endpoint,
        pytest.raises(JWKSUnavailableError, match=f"expected status 200, got {status[:3]}"),
    ):
        fetch_jwks(endpoint.uri)


@pytest.mark.parametrize("coding", ["gzip", "br", ""])
def test_an_answer_with_a_content_encoding_is_refused(coding):
    with (
        JWKSEndpoint(sends(response(jwks("one"), f"Content-Encoding: {coding}"))) as endpoint,
        pytest.raises(JWKSUnavailableError, match="without Content-Encoding"),
    ):
        fetch_jwks(endpoint.uri)


@pytest.mark.parametrize(
    "answer",
    [
        sends(b""),
        sends(b"220 mail.example.com ESMTP\r\n"),
        sends(b"HTTP/1.1 abc\r\n\r\n"),
        sends(OK + b"Content-Length: 100\r\n\r\n{}"),
        sends(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        sends(CHUNKED + b"zz\r\n"),
        sends(CHUNKED + b"-5\r\n"),
        sends(CHUNKED + b"5\r\nhe"),
        sends(CHUNKED),
    ],
    ids=[
        "nothing",
        "another protocol",
        "no status",
        "half of the body",
        "two lengths",
        "a size that is no number",
        "a size below zero",
        "half of a chunk",
        "no chunk",
    ],
)
def test_an_answer_that_breaks_off_or_is_not_http_is_one_clear_failure(answer):
    with JWKSEndpoint(answer) as endpoint, pytest.raises(JWKSUnavailableError, match="failed"):
        fetch_jwks(endpoint.uri)


def test_a_closed_port_is_named_as_the_reason():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody else can listen there meanwhile
        port = closed.getsockname()[1]
        with pytest.raises(JWKSUnavailableError, match="ConnectionRefusedError"):
            fetch_jwks(f"http://127.0.0.1:{port}/")


def test_a_failure_never_quotes_what_came():
    with (
        JWKSEndpoint(sends(b"HTTP/1.1 hush-hush\r\n\r\n")) as endpoint,
        pytest.raises(JWKSUnavailableError) as caught,
    ):
        fetch_jwks(endpoint.uri)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "https://issuer.example.com/.well-known/jwks.json",
        "https://issuer.example.com:8443/jwks?tenant=a%20b&x=1",
        "https://issuer.example.com",
        "https://[2001:db8::1]/jwks",
        "http://localhost:5001/.well-known/jwks.json",
        "http://127.0.0.1:5001/jwks",
        "http://127.8.9.10/jwks",
        "http://[::1]:5001/jwks",
    ],
)
def test_https_anywhere_and_http_on_loopback_are_good_addresses(jwks_uri):
    JWKSClient(jwks_uri)


def test_http_to_another_machine_is_good_only_when_it_is_asked_for():
    JWKSClient("http://server1.internal:5001/jwks", allow_http=True)
    with pytest.raises(ConfigurationError, match="HANDOFF_JWKS_ALLOW_HTTP"):
        JWKSClient("http://server1.internal:5001/jwks")


def test_a_password_in_the_address_is_not_repeated():
    with pytest.raises(ConfigurationError) as caught:
        JWKSClient("https://ada:hush-hush@issuer.example.com/jwks")
    assert "hush" not in str(caught.value)
