import json
import stat

import pytest

from flask_handoff.errors import ConfigurationError, KeyUnusableError
from flask_handoff.keys import (
    SigningKey,
    VerificationKey,
    new_private_file,
    read_public_key,
    thumbprint,
)
from tests.library.test_pinned_keys import public_pem


@pytest.fixture
def path(tmp_path):
    return tmp_path / "key"


def jwk_of(private_key, **changed):
    return {**VerificationKey.from_public_key(private_key.public_key()).to_jwk(), **changed}


def test_a_key_without_a_name_is_named_by_its_thumbprint(path, private_key):
    unnamed = jwk_of(private_key)
    del unnamed["kid"]
    for document in (public_pem(private_key), json.dumps(unnamed).encode()):
        path.write_bytes(document)
        assert read_public_key(path).kid == thumbprint(private_key.public_key())


def test_a_name_of_its_own_is_kept(path, private_key):
    path.write_text(json.dumps(jwk_of(private_key, kid="mine")))
    assert read_public_key(path).kid == "mine"


@pytest.mark.parametrize(
    "document",
    [b"", b"{", b"[]", b"{}", b'{"keys":[]}', b"x" * 65537, b'{"kty":"RSA","kty":"RSA"}'],
    ids=["nothing", "half", "a list", "empty", "a set", "too long", "a member twice"],
)
def test_what_is_no_key_is_refused(path, document):
    path.write_bytes(document)
    with pytest.raises(KeyUnusableError):
        read_public_key(path)


def test_a_private_key_is_refused(path, private_key):
    path.write_text(json.dumps(jwk_of(private_key, d="AQAB")))
    with pytest.raises(KeyUnusableError, match="private"):
        read_public_key(path)
    path.write_bytes(SigningKey(private_key).to_pem())
    with pytest.raises(KeyUnusableError, match="PUBLIC KEY"):
        read_public_key(path)


def test_several_keys_in_one_file_are_refused(path, private_key, other_private_key):
    path.write_bytes(public_pem(private_key) + public_pem(other_private_key))
    with pytest.raises(KeyUnusableError, match="2 keys"):
        read_public_key(path)


def test_a_new_file_is_its_owners_alone(path):
    with new_private_file(path, b"secret"):
        assert path.read_bytes() == b"secret"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.exists()


def test_a_new_file_goes_where_what_follows_fails(path):
    with pytest.raises(OSError, match="later"), new_private_file(path, b"secret"):
        raise OSError("later")
    assert not path.exists()


def test_a_file_that_is_there_is_left_alone(path):
    path.write_bytes(b"kept")
    with pytest.raises(ConfigurationError, match="File exists"), new_private_file(path, b"new"):
        pytest.fail("it was written")
    assert path.read_bytes() == b"kept"


def test_a_file_that_cannot_be_written_says_so(tmp_path):
    path = tmp_path / "missing" / "key"
    with pytest.raises(ConfigurationError, match="cannot be written"), new_private_file(path, b""):
        pytest.fail("it was written")
