"""Keys in the forms in which platforms and tools hand them over: taken, or told how to convert."""

import json
import re
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flask_handoff.errors import ConfigurationError, KeyLifeCycleError, KeyUnusableError
from flask_handoff.keys import (
    PinnedKeys,
    SigningKey,
    VerificationKey,
    add_key,
    new_key,
    read_ring,
    revoke_keys,
)
from tests.flask_command import run_flask

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI, PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8, OPENSSH = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.OpenSSH
PLAIN, LOCKED = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"a password")


@pytest.fixture
def public(private_key, certificate):
    """The public half in each form."""
    key = private_key.public_key()
    pem = key.public_bytes(PEM, SPKI)
    jwk = VerificationKey.from_public_key(key).to_jwk()
    _, begin, rest = certificate.read_bytes().partition(b"-----BEGIN CERTIFICATE-----")
    return {
        "PKCS#1": key.public_bytes(PEM, PKCS1),
        "CRLF": pem.replace(b"\n", b"\r\n"),
        "a byte order mark": b"\xef\xbb\xbf" + pem,
        "one JWK": json.dumps(jwk).encode(),
        "a JWK Set with a byte order mark": b"\xef\xbb\xbf" + json.dumps({"keys": [jwk]}).encode(),
        "a list": json.dumps([jwk]).encode(),
        "certificates by kid": json.dumps({"key-1": (begin + rest).decode()}).encode(),
        "a certificate": begin + rest,
        "DER": key.public_bytes(DER, SPKI),
        "UTF-16": pem.decode().encode("utf-16"),
        "line ends written out": pem.strip().replace(b"\n", b"\\n"),
        "OpenSSH": key.public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        ),
    }


@pytest.fixture
def private(private_key):
    """The private half in each form."""
    pem = private_key.private_bytes(PEM, PKCS8, PLAIN)
    return {
        "PKCS#1": private_key.private_bytes(PEM, TRADITIONAL, PLAIN),
        "CRLF": pem.replace(b"\n", b"\r\n"),
        "encrypted": private_key.private_bytes(PEM, PKCS8, LOCKED),
        "encrypted PKCS#1": private_key.private_bytes(PEM, TRADITIONAL, LOCKED),
        "OpenSSH": private_key.private_bytes(PEM, OPENSSH, PLAIN),
        "DER": private_key.private_bytes(DER, PKCS8, PLAIN),
        "a public key": private_key.public_key().public_bytes(PEM, SPKI),
        "line ends written out": pem.replace(b"\n", b"\\n"),
        "another kind": ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS8, PLAIN),
        "nothing": b" \n",
    }


@pytest.mark.parametrize(
    "form",
    ["PKCS#1", "CRLF", "a byte order mark", "one JWK", "a JWK Set with a byte order mark"],
)
def test_a_public_key_in_these_forms_is_taken(tmp_path, public, private_key, form):
    (tmp_path / "key").write_bytes(public[form])
    expected = VerificationKey.from_public_key(private_key.public_key())
    assert PinnedKeys.from_file(tmp_path / "key").key(expected.kid) == expected


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("a list", r"it is a list; write it as"),
        ("certificates by kid", "take the document that the issuer's jwks_uri shows"),
        ("OpenSSH", "it is a key of OpenSSH"),
    ],
)
def test_another_form_of_a_public_key_is_named(tmp_path, public, form, told):
    (tmp_path / "key").write_bytes(public[form])
    with pytest.raises(ConfigurationError, match=told):
        PinnedKeys.from_file(tmp_path / "key")


@pytest.mark.processes
@pytest.mark.parametrize("form", ["a certificate", "DER", "UTF-16", "line ends written out"])
def test_the_command_that_is_told_converts_a_public_key(tmp_path, public, form):
    file = tmp_path / "FILE"
    file.write_bytes(public[form])
    with pytest.raises(ConfigurationError) as refusal:
        PinnedKeys.from_file(file)
    [command] = re.findall(r"(?:openssl|iconv|printf) .*?(?=\. Put)", refusal.value.args[0])
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"there is no {command.split()[0]} here")
    run = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=True)  # noqa: S602
    converted = tmp_path / "NEW"
    if not converted.exists():
        converted.write_bytes(run.stdout)
    assert PinnedKeys.from_file(converted).kids


@pytest.mark.parametrize("form", ["PKCS#1", "CRLF"])
def test_a_private_key_in_these_forms_is_taken(private, private_key, form):
    assert SigningKey.from_pem(private[form]).kid == SigningKey(private_key).kid


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("encrypted", "decrypt it by: openssl pkey -in FILE -out NEW"),
        ("encrypted PKCS#1", "decrypt it by: openssl pkey -in FILE -out NEW"),
        ("OpenSSH", "ssh-keygen -p -N"),
        ("DER", "openssl pkey -inform DER -in FILE -out NEW"),
        ("a public key", "it holds a public key alone"),
        ("line ends written out", "its line ends are written out"),
        ("another kind", "another kind than RSA"),
        ("nothing", "it is empty"),
    ],
)
def test_another_form_of_a_private_key_is_named(private, form, told):
    with pytest.raises(KeyUnusableError, match=told) as refusal:
        SigningKey.from_pem(private[form])
    assert "MII" not in str(refusal.value)


# One's own key.


def test_a_key_of_ones_own_comes_into_the_ring(tmp_path, private, private_key):
    (tmp_path / "mine.pem").write_bytes(private["PKCS#1"])
    answer = run_flask(tmp_path, "handoff-keys", "import", "mine.pem", "--directory", "keys")
    assert answer.returncode == 0, answer.stderr
    [entry] = read_ring(tmp_path / "keys")
    assert (entry.kid, entry.state) == (SigningKey(private_key).kid, "active")
    assert f"Added key {entry.kid}" in answer.stdout


def test_a_key_beside_one_that_signs_is_staged(tmp_path, private_key, clock):
    new_key(tmp_path / "keys", clock=clock)
    assert add_key(tmp_path / "keys", SigningKey(private_key), clock=clock).state == "staged"


def test_a_revoked_key_never_comes_back(tmp_path, private_key, clock):
    key = SigningKey(private_key)
    add_key(tmp_path / "keys", key, clock=clock)
    revoke_keys(tmp_path / "keys", [key.kid], clock=clock)
    with pytest.raises(KeyLifeCycleError, match="in this ring already, revoked"):
        add_key(tmp_path / "keys", key, clock=clock)


def test_a_key_that_cannot_be_imported_is_told_with_the_command(tmp_path, private):
    (tmp_path / "mine.pem").write_bytes(private["encrypted"])
    answer = run_flask(tmp_path, "handoff-keys", "import", "mine.pem", "--directory", "keys")
    assert answer.returncode == 1
    assert "decrypt it by: openssl pkey -in FILE -out NEW" in answer.stderr
    assert not (tmp_path / "keys").exists()
