import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from flask_handoff.errors import ConfigurationError, TokenKeyUnknownError
from flask_handoff.keys import KeyRing, PinnedKeys, VerificationKey, new_key

WEAK_BITS = 1024
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def public_pem(private_key):
    return private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def private_pem(private_key, form, protection=None):
    protection = protection or serialization.NoEncryption()
    return private_key.private_bytes(serialization.Encoding.PEM, form, protection)


def verification_key(private_key):
    return VerificationKey.from_public_key(private_key.public_key())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "issuer's keys"


def refusal_of(path, content):
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as refusal:
        PinnedKeys.from_file(path)
    return refusal.value


def test_a_pem_key_is_found_under_its_thumbprint(path, private_key):
    path.write_bytes(public_pem(private_key))
    expected = verification_key(private_key)
    assert PinnedKeys.from_file(path).key(expected.kid) == expected


def test_several_pem_keys_and_words_between_them_may_stand_in_one_file(
    path, private_key, other_private_key
):
    path.write_bytes(b"old\n" + public_pem(private_key) + b"new\n" + public_pem(other_private_key))
    pinned = PinnedKeys.from_file(path)
    for expected in (verification_key(private_key), verification_key(other_private_key)):
        assert pinned.key(expected.kid) == expected


def test_a_key_set_as_the_issuer_publishes_it_can_be_pinned(path, tmp_path):
    new_key(tmp_path / "keys")
    ring = KeyRing.open(tmp_path / "keys")
    path.write_bytes(b"\n" + ring.jwks_json)
    pinned = PinnedKeys.from_file(path)
    pinned.ready()
    assert pinned.key(ring.signing_key.kid) == ring.signing_key.verification_key


def test_a_kid_that_is_not_pinned_is_unknown(path, private_key):
    path.write_bytes(public_pem(private_key))
    with pytest.raises(TokenKeyUnknownError):
        PinnedKeys.from_file(path).key("another")


@pytest.mark.parametrize(
    "form",
    [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL],
)
@pytest.mark.parametrize("protection", [None, serialization.BestAvailableEncryption(b"password")])
def test_a_private_pem_is_refused_with_the_way_to_its_public_half(
    path, private_key, form, protection
):
    pem = private_pem(private_key, form, protection)
    refusal = refusal_of(path, public_pem(private_key) + pem)
    assert "private key" in refusal.problem
    assert "openssl pkey -in" in refusal.remedy
    assert pem.decode().splitlines()[1] not in str(refusal)


def test_a_key_set_with_private_members_is_refused(path, private_key):
    jwk = verification_key(private_key).to_jwk()
    for entry in (jwk | {"d": "AQAB"}, {"kty": "oct", "k": "AQAB"}):
        refusal = refusal_of(path, json.dumps({"keys": [jwk, entry]}).encode())
        assert "private key" in refusal.problem


def test_a_weak_key_is_refused(path):
    weak_key = rsa.generate_private_key(65537, WEAK_BITS)
    assert "1024 bits" in refusal_of(path, public_pem(weak_key)).problem


def test_a_key_of_another_kind_is_refused(path):
    elliptic_key = ec.generate_private_key(ec.SECP256R1())
    assert "another kind than RSA" in refusal_of(path, public_pem(elliptic_key)).problem


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no key at all",
        b"\xff\xfe",
        b'{"keys": []}',
        b'{"keys": ["a key", 7, null]}',
        b"{",
        CERTIFICATE,
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n",
    ],
)
def test_a_file_without_a_good_key_is_refused(path, content):
    assert str(path) in refusal_of(path, content).problem


def test_a_certificate_beside_a_key_is_not_passed_over(path, private_key):
    assert "PUBLIC KEY" in refusal_of(path, public_pem(private_key) + CERTIFICATE).problem


def test_a_file_over_64_kib_is_refused(path, private_key):
    content = public_pem(private_key)
    assert "65536" in refusal_of(path, content + b"\n" * (65_537 - len(content))).problem


def test_a_file_that_is_not_there_is_refused(path):
    with pytest.raises(ConfigurationError, match="No such file"):
        PinnedKeys.from_file(path)


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        PinnedKeys.from_file(tmp_path)
