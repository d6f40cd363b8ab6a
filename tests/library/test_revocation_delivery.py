"""Revocation notices as they are sent, to an endpoint on loopback that answers well or badly."""

import pytest

from flask_handoff import Revocation
from flask_handoff.errors import RevocationNotDeliveredError
from tests.jwks_endpoint import JWKSEndpoint, response, sends
from tests.minimal_pair import CLIENT, issuer_app
from tests.token_trial import CLIENT_ID, NoticeTrial


@pytest.fixture
def send(key_ring, clock):
    """Sends one notice to the service's address, by the extension's own method."""

    def send_to(uri, **named):
        entry = {**CLIENT, "client_id": CLIENT_ID, "revocation_uri": uri}
        issuer = issuer_app(
            key_ring, clock, HANDOFF_CLIENTS=[entry], HANDOFF_ISSUER="https://server1.example.com"
        )
        handoff = issuer.extensions["handoff"]
        with issuer.app_context():
            handoff.send_revocation(
                handoff.client(CLIENT_ID), Revocation(valid_after=clock(), **named)
            )

    return send_to


def test_what_is_posted_is_one_good_notice_and_nothing_else(send, key_ring, clock):
    with JWKSEndpoint(sends(response(b"", status="202 Accepted"))) as endpoint:
        send(endpoint.uri, subject="u")
    head, _, body = endpoint.requests[0].decode().partition("\r\n\r\n")
    assert "Content-Type: application/secevent+jwt" in head.split("\r\n")
    assert "Accept: application/json" in head.split("\r\n")
    proved = NoticeTrial(key_ring, clock).verify(body)
    assert proved == Revocation(subject="u", valid_after=clock())


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "400 Bad Request", "500 Oops"])
def test_any_answer_but_accepted_is_a_failure(send, status):
    with (
        JWKSEndpoint(sends(response(b'{"err": "a secret"}', status=status))) as endpoint,
        pytest.raises(RevocationNotDeliveredError) as failure,
    ):
        send(endpoint.uri)
    assert str(failure.value) == f"expected status 202, got {status[:3]}"
    assert failure.value.code == "revocation_not_delivered"


def test_a_redirect_of_a_notice_is_not_followed(send):
    with JWKSEndpoint(sends(response(b"", status="202 Accepted"))) as inner:
        moved = response(b"", f"Location: {inner.uri}", status="307 Moved")
        with JWKSEndpoint(sends(moved)) as endpoint, pytest.raises(RevocationNotDeliveredError):
            send(endpoint.uri)
        assert inner.count == 0


def test_a_service_without_an_address_is_not_notified(send):
    with pytest.raises(RevocationNotDeliveredError, match="has no revocation_uri"):
        send(None)
