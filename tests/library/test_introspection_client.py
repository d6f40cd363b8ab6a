"""A service that asks its issuer about tokens, at an endpoint that answers well or badly."""

import json
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from flask_handoff import UnverifiedToken
from flask_handoff.api.revocation import Introspection, ServiceKey
from flask_handoff.errors import ConfigurationError, IntrospectionUnavailableError
from tests.jwks_endpoint import JWKSEndpoint, response, says_nothing, sends
from tests.token_trial import CLIENT_ID, ISSUER, AssertionTrial

ACTIVE = b'{"active": true, "scope": "notes:read"}'


@pytest.fixture
def key(key_ring):
    return key_ring.signing_key


@pytest.fixture
def key_file(tmp_path, key):
    """Writes what ``clients add --kind receiver`` writes, changed as it is told."""

    def write(mode=0o600, **changed):
        path = tmp_path / "service.json"
        document = {
            "type": "receiver",
            "issuer": ISSUER,
            "token_uri": f"{ISSUER}/token",
            "client_id": CLIENT_ID,
            "key_id": key.kid,
            "private_key": key.to_pem().decode(),
            **changed,
        }
        path.write_text(json.dumps(document))
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def ask(key, clock):
    def ask_at(uri, **options):
        asked = {"issuer": ISSUER, "allow_http": False, "clock": clock, **options}
        return Introspection(uri, ServiceKey(CLIENT_ID, key), **asked).is_active(
            UnverifiedToken("a.good.token")
        )

    return ask_at


def test_a_service_proves_by_its_own_key_who_asks(ask, key_ring, clock):
    with JWKSEndpoint(sends(response(ACTIVE))) as endpoint:
        assert ask(endpoint.uri) is True
    head, _, body = endpoint.requests[0].decode().partition("\r\n\r\n")
    form = parse_qs(body)
    assert head.startswith("POST ")
    assert "uthorization" not in head
    assert form["token"] == ["a.good.token"]
    [assertion] = form["client_assertion"]
    AssertionTrial(key_ring, clock).verify(assertion)


def test_only_what_the_issuer_calls_active_is_active(ask):
    with JWKSEndpoint(sends(response(b'{"active": false}'))) as endpoint:
        assert ask(endpoint.uri) is False


BAD_ANSWERS = {
    "status": sends(response(ACTIVE, status="401 Unauthorized")),
    "redirect": sends(response(b"", "Location: http://127.0.0.1:1/", status="307 Moved")),
    "no json": sends(response(b"active")),
    "no object": sends(response(b"[true]")),
    "twice": sends(response(b'{"active": false, "active": true}')),
    "a text": sends(response(b'{"active": "true"}')),
    "a number": sends(response(b'{"active": 1}')),
    "nothing said": sends(response(b"{}")),
    "too long": sends(response(b'{"active": true, "x": "' + b"x" * 40_000 + b'"}')),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_an_answer_that_does_not_say_it_lets_nobody_in(ask, answer):
    with JWKSEndpoint(answer) as endpoint, pytest.raises(IntrospectionUnavailableError) as error:
        ask(endpoint.uri)
    assert "a.good.token" not in f"{error.value!r} {error.value.__cause__!r}"


def test_an_issuer_that_hangs_is_left(ask):
    with JWKSEndpoint(says_nothing) as endpoint, pytest.raises(IntrospectionUnavailableError):
        ask(endpoint.uri, deadline=timedelta(seconds=0.1))


@pytest.mark.parametrize("uri", ["http://server1.example/introspect", "ftp://a/", "https://a@b/"])
def test_tokens_are_not_sent_where_others_could_read_them(ask, uri):
    with pytest.raises(ConfigurationError, match="HANDOFF_INTROSPECTION_URI"):
        ask(uri)


def test_the_key_file_of_a_service_is_read(key_file, key):
    service = ServiceKey.read(key_file(), issuer=ISSUER, client_id=CLIENT_ID)
    assert (service.client_id, service.key.kid) == (CLIENT_ID, key.kid)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"mode": 0o604}, "is open to other users"),
        ({"type": "service"}, "not the key file of a receiver"),
        ({"issuer": "https://other.example"}, "is of another issuer or client"),
        ({"client_id": "report"}, "is of another issuer or client"),
        ({"private_key": None}, "is missing"),
        ({"private_key": "a secret"}, "not an unencrypted private key"),
    ],
)
def test_a_key_file_that_is_open_or_another_is_refused(key_file, changed, told):
    with pytest.raises(ConfigurationError, match=told) as refusal:
        ServiceKey.read(key_file(**changed), issuer=ISSUER, client_id=CLIENT_ID)
    assert "a secret" not in str(refusal.value)


def test_a_key_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"missing\.json cannot be read"):
        ServiceKey.read(tmp_path / "missing.json", issuer=ISSUER, client_id=CLIENT_ID)
