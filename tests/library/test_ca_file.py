"""A company's own authority: HANDOFF_CA_FILE holds for every request that the library sends."""

import json

import pytest
from flask import Flask

from flask_handoff import ConfigurationError, HandoffIssuer, HandoffReceiver, MemoryReplayStore
from flask_handoff.errors import JWKSUnavailableError, LogoutNotDeliveredError
from tests.jwks_endpoint import JWKSEndpoint, response, sends
from tests.minimal_pair import CLIENT, ISSUER, RECEIVER


@pytest.fixture
def receiving(key_ring):
    """Makes a receiver that fetches its keys from an address."""

    def make(uri, **settings):
        app = Flask("receiver")
        app.secret_key = "of the tests, and of no use elsewhere"
        app.config.update(
            HANDOFF_ISSUER=ISSUER,
            HANDOFF_BASE_URL=RECEIVER,
            HANDOFF_CLIENT_ID="notes",
            HANDOFF_JWKS_URI=uri,
            **settings,
        )
        receiver = HandoffReceiver(sign_in=lambda arrival: "", live_session=lambda: None)
        receiver.init_app(app, replay_store=MemoryReplayStore())
        return app, receiver

    return make


@pytest.fixture
def issuing(key_ring, clock):
    """Makes an issuer whose client hears of logouts at an address."""

    def make(uri, **settings):
        app = Flask("issuer")
        app.secret_key = "of the tests, and of no use elsewhere"
        clients = [{**CLIENT, "backchannel_logout_uri": uri}]
        app.config.update(HANDOFF_ISSUER=ISSUER, HANDOFF_CLIENTS=clients, **settings)
        issuer = HandoffIssuer(
            signed_in_user=lambda: None,
            granted_scope=lambda user, client, scope: scope,
            login_endpoint="login",
        )
        issuer.init_app(app, keys=key_ring, clock=clock)
        return app, issuer

    return make


def test_keys_are_fetched_from_whom_the_file_trusts(receiving, key_ring, tls, certificate):
    keys = json.dumps({"keys": [key_ring.signing_key.verification_key.to_jwk()]}).encode()
    with JWKSEndpoint(sends(response(keys)), tls=tls) as endpoint:
        app, receiver = receiving(endpoint.uri, HANDOFF_CA_FILE=str(certificate))
        with app.app_context():
            receiver.check_ready()
        app, receiver = receiving(endpoint.uri)
        with app.app_context(), pytest.raises(JWKSUnavailableError, match="Verification"):
            receiver.check_ready()


def test_logouts_are_told_to_whom_the_file_trusts(issuing, tls, certificate, clock):
    with JWKSEndpoint(sends(response(b"")), tls=tls) as endpoint:
        app, issuer = issuing(endpoint.uri, HANDOFF_CA_FILE=str(certificate))
        with app.app_context():
            issuer.send_logout(issuer.client("notes"), ended_at=clock(), session_id="s")
        app, issuer = issuing(endpoint.uri)
        with app.app_context(), pytest.raises(LogoutNotDeliveredError, match="Verification"):
            issuer.send_logout(issuer.client("notes"), ended_at=clock(), session_id="s")


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read"), (b"", "holds no certificates"), (b"\x30\x82", "in DER")],
    ids=["missing", "empty", "DER"],
)
def test_a_file_without_authorities_refuses_to_start(issuing, tmp_path, content, problem):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem):
        issuing("https://127.0.0.1:1/x", HANDOFF_CA_FILE=str(path))
