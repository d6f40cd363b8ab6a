"""Attacks on the way from SERVER2 to SERVER1's public keys (rows 43 to 55 of the threat model)."""

import gzip
import json
import os
import random
import subprocess
import sys
import textwrap
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from flask_handoff.errors import (
    ConfigurationError,
    JWKSUnavailableError,
    TokenKeyUnknownError,
)
from flask_handoff.keys import JWKSClient
from flask_handoff.keys.remote.renewal import MOST_WAITING
from tests.jwks_endpoint import (
    FakeMonotonic,
    JWKSEndpoint,
    drip,
    endless,
    eventually,
    fails,
    jwks,
    publishes,
    response,
    sends,
)
from tests.stopwatch import WALL_TIME, keeps, slowdown, without_waiting

CHECKOUT = Path(__file__).parents[2]
LONG = timedelta(seconds=30)  # no fetch that is answered takes as long, however busy the machine is
SHORT = timedelta(seconds=0.2)
OK = b"HTTP/1.1 200 OK\r\n"
GZIP_BOMB = gzip.compress(b"0" * 60_000_000)  # 58 kB


@pytest.fixture
def endpoint():
    with JWKSEndpoint(publishes("one")) as endpoint:
        yield endpoint


@pytest.fixture
def monotonic():
    return FakeMonotonic()


@pytest.fixture
def client(endpoint, monotonic):
    with closing(JWKSClient(endpoint.uri, deadline=LONG, monotonic=monotonic)) as client:
        yield client


@pytest.fixture
def hurried(endpoint, monotonic):
    """A client that gives a fetch up soon."""
    with closing(JWKSClient(endpoint.uri, deadline=SHORT, monotonic=monotonic)) as client:
        yield client


@contextmanager
def closing(client):
    try:
        yield client
    finally:
        client.close()


def random_kids(number):
    dice = random.Random(7)  # noqa: S311 - names for a test
    return [dice.randbytes(16).hex() for _ in range(number)]


def run_script(script, *arguments, **environment):
    """Run Python in a process of its own, where what the system keeps for a process is its own."""
    path = os.pathsep.join(filter(None, sys.path))
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": path, **environment},
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


# Row 43: what comes with status 200 is no JWK Set, or one that must not be trusted as a whole.

KEY = json.loads(jwks("one"))["keys"][0]
NO_JWKS = {
    "nothing": b"",
    "an HTML page": b"<!doctype html><title>Sign in to the network</title>",
    "bad UTF-8": b'{"keys": ["\xff\xfe"]}',
    "60,000 levels": b"[" * 60_000 + b"]" * 5_000,
    "a list": json.dumps([KEY]).encode(),
    "null": b"null",
    "a number": b"42",
    "keys that are no list": b'{"keys": {}}',
    "keys that are no objects": b'{"keys": [null, 1, "x"]}',
    "no key": b'{"keys": []}',
    "a byte order mark": b"\xef\xbb\xbf" + jwks("one"),
    "UTF-16": jwks("one").decode().encode("utf-16"),
    "one kid twice": json.dumps({"keys": [KEY, KEY]}).encode(),
    "keys twice": b'{"keys": [], ' + jwks("one")[1:],
    "NaN": b'{"x": NaN, ' + jwks("one")[1:],
    "a number of 5,000 digits": b'{"x": ' + b"9" * 5_000 + b", " + jwks("one")[1:],
    "half of a set": jwks("one")[:-20],
    "two documents": jwks("one") + jwks("one"),
}


@pytest.mark.parametrize("document", NO_JWKS.values(), ids=NO_JWKS.keys())
def test_garbage_with_status_200_then_the_old_keys_stay(document, client, endpoint, monotonic):
    client.key("one")
    endpoint.answer = sends(response(document))
    monotonic.tick(240)
    with pytest.raises(TokenKeyUnknownError):
        client.key("two")
    assert endpoint.count == 2
    assert client.key("one").kid == "one"


@pytest.mark.parametrize("document", NO_JWKS.values(), ids=NO_JWKS.keys())
def test_garbage_with_status_200_and_no_old_keys_then_nobody_gets_in(document, client, endpoint):
    endpoint.answer = sends(response(document))
    with pytest.raises(JWKSUnavailableError):
        client.key("one")


# Row 44: more than fits.


@pytest.mark.processes
def test_an_answer_of_any_size_or_packing_then_memory_stays_flat():
    found = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n"
    packed = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIP_BOMB)
    attacks = [
        endless(OK + b"Content-Length: 200000000\r\n\r\n", b"x"),
        endless(OK + b"\r\n", b"x"),
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        endless(OK, b"X: " + b"y" * 60_000 + b"\r\n"),
        endless(found + b"\r\n", b"x"),
        sends(OK + packed, GZIP_BOMB),
        sends(found + packed, GZIP_BOMB),
    ]
    script = """
        import resource, sys
        from datetime import timedelta
        from flask_handoff.errors import JWKSUnavailableError
        from flask_handoff.keys.remote.fetch import fetch_jwks

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB

        good, *attacks = sys.argv[1:]
        fetch_jwks(good)
        before = peak()
        for uri in attacks:
            try:
                fetch_jwks(uri, deadline=timedelta(seconds=2))
            except JWKSUnavailableError:
                print(peak() - before)
    """
    endpoints = [JWKSEndpoint(answer) for answer in (publishes("one"), *attacks)]
    for endpoint in endpoints:
        endpoint.__enter__()
    try:
        growth = run_script(script, *(endpoint.uri for endpoint in endpoints)).split()
    finally:
        for endpoint in endpoints:
            endpoint.__exit__()
    assert len(growth) == len(attacks)
    assert max(map(int, growth)) < 5 * 1024


def test_a_gzip_bomb_then_it_is_refused_unopened(client, endpoint):
    endpoint.answer = sends(response(GZIP_BOMB, "Content-Encoding: gzip"))
    with pytest.raises(JWKSUnavailableError, match="without Content-Encoding"):
        client.key("one")


# Row 45: slower than anyone waits.


IN_DROPS = drip(OK + b"Content-Length: 60000\r\n\r\n", b" ")


def test_an_answer_in_drops_then_the_fetch_ends_at_the_deadline(hurried, endpoint, monotonic):
    endpoint.answer = IN_DROPS

    def ask():
        monotonic.tick(10)  # so that a fetch may begin
        endpoint.left.clear()
        with pytest.raises(JWKSUnavailableError):
            hurried.key("one")
        assert endpoint.left.wait(30)

    keeps(SHORT, ask)


def test_an_answer_in_drops_then_known_keys_are_found_meanwhile(endpoint, monotonic):
    def thousand(client):
        return lambda: [client.key("one") for _ in range(1000)]

    hour = timedelta(hours=1)
    with (
        JWKSEndpoint(publishes("one")) as other,
        closing(JWKSClient(other.uri, monotonic=monotonic)) as idle,
        closing(JWKSClient(endpoint.uri, deadline=hour, monotonic=monotonic)) as client,
        ThreadPoolExecutor(4) as strangers,
    ):
        client.key("one")
        endpoint.answer = IN_DROPS
        monotonic.tick(10)
        unknown = [strangers.submit(client.key, kid) for kid in random_kids(4)]
        try:
            eventually(lambda: endpoint.count == 2)
            without_waiting(lambda: client.key("one"))
            idle.key("one")
            calls = thousand(client), thousand(idle)
            assert slowdown(*calls, bound=10, clock=WALL_TIME) < 10
            assert not any(stranger.done() for stranger in unknown)
        finally:
            endpoint.stop()


# Row 46: a redirect to where the attacker wants us to go.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_then_it_is_a_failure_and_its_target_is_never_asked(status, client, endpoint):
    with JWKSEndpoint(publishes("two")) as target:
        endpoint.answer = sends(response(b"", f"Location: {target.uri}", status=f"{status} Go"))
        with pytest.raises(JWKSUnavailableError, match=f"got {status}"):
            client.key("two")
        assert target.count == 0


# Row 47: an address that is no web address, or one that anybody on the way can answer for.


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "",
        "issuer.example.com/jwks",
        "//issuer.example.com/jwks",
        "file:///etc/passwd",
        "ftp://issuer.example.com/jwks",
        "data:application/json,{}",
        "gopher://issuer.example.com/",
        "javascript:alert(1)",
        "https:///jwks",
        "https:issuer.example.com",
        "https://ada:secret@issuer.example.com/jwks",
        "https://ada@issuer.example.com/jwks",
        "https://@issuer.example.com/jwks",
        "https://issuer.example.com/jwks#keys",
        "https://issuer.example.com/jwks#",
        "https://issuer.example.com:99999/jwks",
        "https://issuer.example.com:0/jwks",
        "https://issuer.example.com:port/jwks",
        "https://issuer.example.com\\@evil.example.com/",
        "https://issuer.example.com/jwks\r\nX: y",
        "https://issuer.example.com/jwks\n",
        " https://issuer.example.com/jwks",
        "https://issuer.example.com/a b",
        "https://íssuer.example.com/jwks",
        "https://[::1/jwks",
        "https://[fe80::1%25eth0]/jwks",
        "http://issuer.example.com/jwks",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/jwks",
        "http://0.0.0.0/jwks",
        "http://localhost.example.com/jwks",
        "http://127.0.0.1.example.com/jwks",
        "http://127.1/jwks",
        "http://2130706433/jwks",
        "http://[::]/jwks",
        "http://[::ffff:7f00:1]/jwks",
    ],
)
def test_an_address_of_another_kind_then_the_server_does_not_start(jwks_uri):
    with pytest.raises(ConfigurationError):
        JWKSClient(jwks_uri)


# Row 48: the environment decides who answers, or what we tell about ourselves.


@pytest.mark.processes
def test_a_netrc_and_proxies_in_the_environment_then_neither_is_used(endpoint, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password hush-hush\n")
    netrc.chmod(0o600)
    fetch = (
        "import sys; from flask_handoff.keys.remote.fetch import fetch_jwks; "
        "fetch_jwks(sys.argv[1])"
    )
    with JWKSEndpoint(publishes("evil")) as proxy:
        proxy_uri = proxy.uri.removesuffix("/.well-known/jwks.json")
        proxies = {
            name: proxy_uri
            for variable in ("http_proxy", "https_proxy", "all_proxy")
            for name in (variable, variable.upper())
        }
        environment = {**proxies, "no_proxy": "", "NO_PROXY": "", "NETRC": str(netrc)}
        control = "import sys, requests; print(requests.get(sys.argv[1]).text)"
        assert run_script(control, endpoint.uri, **environment).encode().strip() == jwks("evil")
        assert b"Basic " + b64encode(b"ada:hush-hush") in proxy.requests[0]
        run_script(fetch, endpoint.uri, **environment)
        assert proxy.count == 1
    assert endpoint.count == 1
    assert b"authorization" not in endpoint.requests[0].lower()


# Row 49: a flood of tokens that name keys nobody has.


def test_a_flood_of_unknown_keys_while_the_endpoint_is_up_then_one_fetch(client, endpoint):
    for kid in random_kids(200):
        with pytest.raises(TokenKeyUnknownError):
            client.key(kid)
    assert endpoint.count == 1


def test_a_flood_of_unknown_keys_while_the_endpoint_is_down_then_one_fetch(client, endpoint):
    endpoint.answer = fails()
    for kid in random_kids(200):
        with pytest.raises(JWKSUnavailableError):
            client.key(kid)
    assert endpoint.count == 1


@pytest.mark.parametrize("answer", [publishes("one"), fails()], ids=["up", "down"])
def test_a_flood_of_unknown_keys_at_one_moment_then_one_fetch(answer, client, endpoint):
    endpoint.answer = answer
    with ThreadPoolExecutor(20) as strangers:
        refused = list(strangers.map(lambda kid: _error(client, kid), random_kids(200)))
    assert None not in refused
    assert endpoint.count == 1


def test_a_flood_while_the_endpoint_hangs_then_it_does_not_hold_every_thread_of_the_server(
    client, endpoint, monotonic
):
    client.key("one")
    endpoint.answer = IN_DROPS
    monotonic.tick(10)
    with ThreadPoolExecutor(4 * MOST_WAITING) as threads:
        strangers = [threads.submit(_error, client, kid) for kid in random_kids(4 * MOST_WAITING)]
        eventually(lambda: sum(each.done() for each in strangers) >= 3 * MOST_WAITING)
        held = [each for each in strangers if not each.done()]
        assert 0 < len(held) <= MOST_WAITING
        endpoint.stop()
    assert {type(each.result()) for each in strangers} == {TokenKeyUnknownError}
    assert endpoint.count == 2


def _error(client, kid):
    try:
        client.key(kid)
    except (TokenKeyUnknownError, JWKSUnavailableError) as error:
        return error
    return None


def test_a_flood_that_goes_on_then_one_fetch_in_ten_seconds(client, endpoint, monotonic):
    client.key("one")
    for kid in random_kids(600):
        monotonic.tick(0.1)
        with pytest.raises(TokenKeyUnknownError):
            client.key(kid)
    assert 5 <= endpoint.count - 1 <= 6


# Row 50: the endpoint stays away.


def test_an_outage_then_known_keys_serve_for_an_hour_past_their_time(client, endpoint, monotonic):
    client.key("one")
    endpoint.answer = fails()
    for _ in range(389):
        monotonic.tick(10)
        assert client.key("one").kid == "one"
    monotonic.tick(10)
    with pytest.raises(JWKSUnavailableError):
        client.key("one")


def test_an_outage_then_unknown_keys_are_refused_and_known_ones_are_not(
    client, endpoint, monotonic
):
    client.key("one")
    endpoint.answer = fails()
    monotonic.tick(1000)
    assert client.key("one").kid == "one"
    with pytest.raises(TokenKeyUnknownError):
        client.key("two")


def test_an_outage_beyond_every_limit_then_the_first_caller_after_it_is_served(
    client, endpoint, monotonic
):
    client.key("one")
    endpoint.answer = fails()
    monotonic.tick(301)
    client.key("one")
    endpoint.answer = publishes("one")
    monotonic.tick(10_000)
    assert client.key("one").kid == "one"


# Rows 51 to 53: keys come and go.


def test_a_rotation_right_before_signing_then_one_fetch_and_the_token_is_accepted(
    client, endpoint, monotonic
):
    client.key("one")
    monotonic.tick(10)
    endpoint.answer = publishes("one", "two")
    assert client.key("two").kid == "two"
    assert endpoint.count == 2


def test_a_withdrawn_key_then_it_is_refused_within_the_cache_time(client, endpoint, monotonic):
    endpoint.answer = publishes("one", "leaked")
    client.key("leaked")
    endpoint.answer = publishes("one")
    monotonic.tick(300)
    with pytest.raises(TokenKeyUnknownError):
        client.key("leaked")


@pytest.mark.parametrize("left", [[], [{**KEY, "use": "enc"}]], ids=["no key", "none for tokens"])
def test_the_last_key_is_withdrawn_then_it_is_refused_within_the_cache_time(
    left, client, endpoint, monotonic
):
    client.key("one")
    endpoint.answer = sends(response(json.dumps({"keys": left}).encode()))
    monotonic.tick(290)
    with pytest.raises(TokenKeyUnknownError):
        client.key("another one, which waits for the answer")
    assert client.key("one").kid == "one"
    monotonic.tick(10)
    with pytest.raises(JWKSUnavailableError):
        client.key("one")


def test_the_last_key_is_withdrawn_and_then_the_endpoint_fails_then_it_stays_refused(
    client, endpoint, monotonic
):
    client.key("one")
    endpoint.answer = sends(response(b'{"keys": []}'))
    monotonic.tick(290)
    with pytest.raises(TokenKeyUnknownError):
        client.key("another one, which waits for the answer")
    endpoint.answer = fails()
    monotonic.tick(11)
    with pytest.raises(JWKSUnavailableError):
        client.key("one")
    endpoint.answer = publishes("one")
    monotonic.tick(10)
    assert client.key("one").kid == "one"
    endpoint.answer = fails()
    monotonic.tick(1000)
    assert client.key("one").kid == "one"


def test_a_rotation_then_tokens_signed_just_before_it_still_pass(client, endpoint, monotonic):
    client.key("one")
    endpoint.answer = publishes("one", "two")
    monotonic.tick(10)
    client.key("two")
    assert client.key("one").kid == "one"


# Row 54: a token that names no key.


@pytest.mark.parametrize("kid", ["", "*", "0", "keys"])
def test_a_name_that_is_no_name_then_no_key_is_chosen_for_it(kid, client):
    client.key("one")
    with pytest.raises(TokenKeyUnknownError):
        client.key(kid)


# Row 55: the key of another issuer.


def test_the_key_of_one_issuer_then_it_is_unknown_under_another(client):
    with (
        JWKSEndpoint(publishes("two")) as other_endpoint,
        closing(JWKSClient(other_endpoint.uri)) as other,
    ):
        assert other.key("two").kid == "two"
        assert client.key("one").kid == "one"
        with pytest.raises(TokenKeyUnknownError):
            client.key("two")
        with pytest.raises(TokenKeyUnknownError):
            other.key("one")
