"""Keys in the forms in which platforms and tools hand them over: taken, or told how to convert."""

import base64
import json
import re
import shutil
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from flask_handoff.errors import ConfigurationError, KeyLifeCycleError, KeyUnusableError
from flask_handoff.keys import (
    PinnedKeys,
    SigningKey,
    VerificationKey,
    add_key,
    new_key,
    read_public_key,
    read_ring,
    revoke_keys,
)
from tests.flask_command import run_flask
from tests.token_trial import base64url

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
    held = x509.load_pem_x509_certificate(begin + rest)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return {
        "indented": pem.replace(b"\n", b"\n    "),
        "base64": base64.b64encode(pem),
        "UTF-16 without a mark": pem.decode().encode("utf-16-le"),
        "a certificate in DER": ssl.PEM_cert_to_DER_cert((begin + rest).decode()),
        "a trusted certificate": (begin + rest).replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        "a key beside its certificate": pem + begin + rest,
        "a request": request.sign(private_key, hashes.SHA256()).public_bytes(PEM),
        "PKCS#1 in DER": key.public_bytes(DER, PKCS1),
        "PKCS#7": pkcs7.serialize_certificates([held], PEM),
        "PKCS#7 in DER": pkcs7.serialize_certificates([held], DER),
        "PEM texts by kid": json.dumps({"key-1": pem.decode()}).encode(),
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
    numbers = private_key.private_numbers()
    factors = ("d", numbers.d), ("p", numbers.p), ("q", numbers.q), ("dp", numbers.dmp1)
    jwk = VerificationKey.from_public_key(private_key.public_key()).to_jwk()
    for name, number in (*factors, ("dq", numbers.dmq1), ("qi", numbers.iqmp)):
        jwk[name] = base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
    return {
        "a JWK": json.dumps(jwk).encode(),
        "a set of one JWK": json.dumps({"keys": [jwk]}).encode(),
        "a set of two JWKs": json.dumps({"keys": [jwk, jwk]}).encode(),
        "a public JWK": json.dumps({name: jwk[name] for name in ("kty", "n", "e")}).encode(),
        "a JWK of another key": json.dumps({**jwk, "p": jwk["q"]}).encode(),
        "a JWK without its factors": json.dumps({**jwk, "p": None}).encode(),
        "quoted": b"KEY='" + pem + b"'",
        "base64": base64.encodebytes(pem),
        "encrypted DER": private_key.private_bytes(DER, PKCS8, LOCKED),
        "PKCS#12": pkcs12.serialize_key_and_certificates(b"x", private_key, None, None, LOCKED),
        "a keystore": bytes.fromhex("feedfeed00000002"),
        "PuTTY": b"PuTTY-User-Key-File-3: ssh-rsa\n",
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
    [
        *("PKCS#1", "CRLF", "a byte order mark", "one JWK", "a JWK Set with a byte order mark"),
        "indented",
    ],
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
        ("PKCS#7", "openssl pkcs7 -in FILE -print_certs"),
        ("PKCS#7 in DER", "openssl pkcs7 -inform DER -in FILE -print_certs"),
        ("PEM texts by kid", "it holds PEM texts by kid"),
    ],
)
def test_another_form_of_a_public_key_is_named(tmp_path, public, form, told):
    (tmp_path / "key").write_bytes(public[form])
    with pytest.raises(ConfigurationError, match=told):
        PinnedKeys.from_file(tmp_path / "key")


@pytest.mark.processes
@pytest.mark.parametrize(
    "form",
    [
        *("a certificate", "DER", "UTF-16", "line ends written out", "base64", "a request"),
        *("UTF-16 without a mark", "a certificate in DER", "a trusted certificate"),
        *("a key beside its certificate", "PKCS#1 in DER"),
    ],
)
def test_the_command_that_is_told_converts_a_public_key(tmp_path, public, form):
    file = tmp_path / "FILE"
    file.write_bytes(public[form])
    with pytest.raises(ConfigurationError) as refusal:
        PinnedKeys.from_file(file)
    [command] = re.findall(r"(?:openssl|iconv|printf|base64) .*?(?=\. Put)", refusal.value.args[0])
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"there is no {command.split()[0]} here")
    run = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=True)  # noqa: S602
    converted = tmp_path / "NEW"
    if not converted.exists():
        converted.write_bytes(run.stdout)
    assert PinnedKeys.from_file(converted).kids


@pytest.mark.parametrize("form", ["PKCS#1", "CRLF", "quoted", "a JWK", "a set of one JWK"])
def test_a_private_key_in_these_forms_is_taken(private, private_key, form):
    assert SigningKey.from_document(private[form]).kid == SigningKey(private_key).kid


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
        ("base64", "base64 -d FILE"),
        ("encrypted DER", "decrypt it by: openssl pkey -inform DER -in FILE -out NEW"),
        ("PKCS#12", "openssl pkcs12 -in FILE -nocerts -nodes"),
        ("a keystore", "keytool -importkeystore"),
        ("PuTTY", "puttygen FILE -O private-openssh"),
        ("a set of two JWKs", "expected one RSA key as a JWK"),
        ("a public JWK", "the JWK holds a public key alone"),
        ("a JWK of another key", "not those of one key"),
        ("a JWK without its factors", "the JWK's p is not"),
    ],
)
def test_another_form_of_a_private_key_is_named(private, form, told):
    with pytest.raises(KeyUnusableError, match=told) as refusal:
        SigningKey.from_document(private[form])
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize("form", ["PKCS#1", "encrypted"])
def test_a_client_s_private_key_leads_to_its_public_half(tmp_path, private, form):
    (tmp_path / "key").write_bytes(private[form])
    with pytest.raises(KeyUnusableError, match="is printed by: openssl pkey -in FILE -pubout"):
        read_public_key(tmp_path / "key")


# One's own key.


@pytest.mark.parametrize("form", ["PKCS#1", "a JWK"])
def test_a_key_of_ones_own_comes_into_the_ring(tmp_path, private, private_key, form):
    (tmp_path / "mine.pem").write_bytes(private[form])
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
