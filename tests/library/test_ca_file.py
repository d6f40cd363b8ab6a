"""A company's own authority: HANDOFF_CA_FILE holds for every request that the library sends."""

import json
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)
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


@pytest.fixture
def authority(certificate):
    return x509.load_pem_x509_certificate(certificate.read_bytes())


def in_pkcs12(authority, key):
    return pkcs12.serialize_key_and_certificates(None, None, None, [authority], NoEncryption())


def in_pkcs7(authority, key):
    return pkcs7.serialize_certificates([authority], Encoding.DER)


def in_pem(key, form=PrivateFormat.PKCS8, encryption=None):
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


# What people put there by mistake.
MISTAKES = {
    "an empty file": (lambda authority, key: b"", "is empty"),
    "blank lines": (lambda authority, key: b"\n \r\n", "is empty"),
    "a private key": (lambda authority, key: in_pem(key), "holds a private key"),
    "an encrypted key": (
        lambda authority, key: in_pem(key, encryption=BestAvailableEncryption(b"x")),
        "holds a private key",
    ),
    "an older form of key": (
        lambda authority, key: in_pem(key, PrivateFormat.TraditionalOpenSSL),
        "holds a private key",
    ),
    "a key in DER": (
        lambda authority, key: key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "holds a private key",
    ),
    "a public key": (
        lambda authority, key: key.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ),
        "holds no certificate in PEM",
    ),
    "PKCS 12": (in_pkcs12, r"is PKCS#12.*openssl pkcs12 -nokeys -in \S+ca\.pem"),
    "PKCS 7": (in_pkcs7, r"is PKCS#7 in DER.*openssl pkcs7 -inform DER"),
    "PKCS 7 in PEM": (
        lambda authority, key: pkcs7.serialize_certificates([authority], Encoding.PEM),
        r"is PKCS#7\..*openssl pkcs7 -print_certs",
    ),
    "DER": (
        lambda authority, key: authority.public_bytes(Encoding.DER),
        "is in DER.*openssl x509 -inform DER",
    ),
    "cut off": (
        lambda authority, key: authority.public_bytes(Encoding.PEM)[:200],
        "holds a certificate that is broken or cut off",
    ),
    "a text": (lambda authority, key: b"certificates are in the other folder", "no certificate"),
}


@pytest.mark.parametrize(("content", "problem"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_file_without_authorities_refuses_to_start(
    issuing, tmp_path, authority, strangers_key, content, problem
):
    path = tmp_path / "ca.pem"
    path.write_bytes(content(authority, strangers_key))
    with pytest.raises(ConfigurationError, match="HANDOFF_CA_FILE") as refused:
        issuing("https://127.0.0.1:1/x", HANDOFF_CA_FILE=str(path))
    assert re.search(problem, str(refused.value))
    assert "certificates of the authorities as PEM" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("missing", "No such file"), ("directory", "Is a directory"), ("loop", "Too many levels")],
)
def test_a_file_that_cannot_be_read_refuses_to_start(issuing, tmp_path, name, problem):
    (tmp_path / "directory").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigurationError, match=f"HANDOFF_CA_FILE: .*cannot be read: {problem}"):
        issuing("https://127.0.0.1:1/x", HANDOFF_CA_FILE=str(tmp_path / name))
