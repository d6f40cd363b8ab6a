import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from flask_handoff.errors import ConfigurationError, TokenKeyUnknownError
from flask_handoff.keys import KeyRing, new_key, parse_jwks, read_ring

WEAK_BITS = 1024
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(instant):
    return lambda: instant


@pytest.fixture(scope="session")
def ring_of_two(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ring") / "keys"
    new_key(directory, clock=at(NOON))
    new_key(directory, clock=at(NOON + timedelta(hours=1)))
    return directory


@pytest.fixture
def directory(ring_of_two, tmp_path):
    """A ring with one active and one staged key, to be spoilt at will."""
    return Path(shutil.copytree(ring_of_two, tmp_path / "the keys"))


def mode(path):
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def pem_of(directory, position=0):
    return directory / f"{read_ring(directory)[position].kid}.pem"


def rewrite(directory, change):
    path = directory / "ring.json"
    document = json.loads(path.read_bytes())
    change(document["keys"])
    path.write_text(json.dumps(document))


def published_by(directory):
    return json.loads(KeyRing.open(directory).jwks_json)["keys"]


def to_pem(private_key, protection=None):
    return private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        protection or serialization.NoEncryption(),
    )


def test_the_first_key_is_active_and_signs(tmp_path):
    key = new_key(tmp_path / "keys", clock=at(NOON))
    assert (key.state, key.created_at, key.activated_at) == ("active", NOON, NOON)
    assert KeyRing.open(tmp_path / "keys").signing_key.kid == key.kid


def test_a_later_key_is_staged_and_the_first_goes_on_signing(ring_of_two):
    active, staged = read_ring(ring_of_two)
    assert (staged.state, staged.activated_at) == ("staged", None)
    assert staged.created_at == NOON + timedelta(hours=1)
    assert KeyRing.open(ring_of_two).signing_key.kid == active.kid


def test_a_key_made_where_none_is_active_becomes_active(directory):
    rewrite(directory, lambda keys: keys.pop(0))
    assert new_key(directory).state == "active"


def test_a_fraction_of_a_second_is_not_kept(tmp_path):
    key = new_key(tmp_path / "keys", clock=at(NOON + timedelta(microseconds=999_999)))
    assert read_ring(tmp_path / "keys")[0].created_at == key.created_at == NOON


def test_keys_are_written_for_their_owner_only_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        new_key(tmp_path / "keys")
    finally:
        os.umask(before)
    assert mode(tmp_path / "keys") == "0700"
    assert {mode(path) for path in (tmp_path / "keys").iterdir()} == {"0600"}


@pytest.mark.parametrize("bits", [1024, 2047, 4097, 16384])
def test_a_key_of_a_size_that_would_be_refused_is_not_made(tmp_path, bits):
    with pytest.raises(ConfigurationError, match=f"{bits} bits"):
        new_key(tmp_path / "keys", bits=bits)
    assert not (tmp_path / "keys").exists()


def test_active_and_staged_keys_are_published(ring_of_two):
    published = [jwk["kid"] for jwk in published_by(ring_of_two)]
    assert published == [entry.kid for entry in read_ring(ring_of_two)]
    assert len(published) == 2


@pytest.mark.parametrize("state", ["retired", "revoked"])
def test_a_withdrawn_key_is_not_published_and_needs_no_file(directory, state):
    withdrawn = {"state": state, "removed_at": "2026-02-01T00:00:00Z"}
    rewrite(directory, lambda keys: keys[1].update(withdrawn))
    pem_of(directory, position=1).unlink()
    published = [jwk["kid"] for jwk in published_by(directory)]
    assert published == [read_ring(directory)[0].kid]


def test_the_published_keys_show_the_public_members_only(ring_of_two):
    for jwk in published_by(ring_of_two):
        assert set(jwk) == {"kty", "n", "e", "kid", "use", "alg"}


def test_a_receiver_reads_the_published_keys(ring_of_two):
    ring = KeyRing.open(ring_of_two)
    assert parse_jwks(ring.jwks_json) == {
        entry.kid: ring.key(entry.kid) for entry in read_ring(ring_of_two)
    }


def test_the_published_document_is_made_once(ring_of_two):
    ring = KeyRing.open(ring_of_two)
    assert ring.jwks_json is ring.jwks_json


def test_a_ring_that_is_open_needs_its_directory_no_more(directory):
    ring = KeyRing.open(directory)
    shutil.rmtree(directory)
    ring.ready()
    assert ring.key(ring.signing_key.kid) == ring.signing_key.verification_key


def test_a_kid_outside_the_ring_is_unknown(ring_of_two):
    with pytest.raises(TokenKeyUnknownError):
        KeyRing.open(ring_of_two).key("../../dev/null")


def test_a_signing_key_shows_nothing_secret_in_its_text(directory):
    assert "private" not in repr(KeyRing.open(directory).signing_key).lower()


@pytest.mark.parametrize("name", ["keys", "no/such/parent"])
def test_without_a_ring_the_remedy_is_the_command_that_makes_it(tmp_path, name):
    missing = tmp_path / name
    with pytest.raises(ConfigurationError) as refusal:
        KeyRing.open(missing)
    assert refusal.value.remedy.endswith(f"flask handoff-keys new --directory {missing}")


def test_a_directory_without_ring_json_is_no_ring(directory):
    (directory / "ring.json").unlink()
    with pytest.raises(ConfigurationError, match="There is no key ring"):
        KeyRing.open(directory)


def test_a_ring_without_an_active_key_is_refused_with_the_command_that_mends_it(directory):
    rewrite(directory, lambda keys: keys.pop(0))
    with pytest.raises(ConfigurationError, match=r"No key .* is active") as refusal:
        KeyRing.open(directory)
    assert "flask handoff-keys new --directory" in refusal.value.remedy
    new_key(directory)
    KeyRing.open(directory)


@pytest.mark.parametrize("open_to_others", [0o040, 0o004, 0o022])
@pytest.mark.parametrize("of", ["the directory", "a key file", "ring.json"])
def test_what_is_open_to_others_is_refused_until_the_remedy_is_run(directory, of, open_to_others):
    paths = {
        "the directory": directory,
        "a key file": pem_of(directory),
        "ring.json": directory / "ring.json",
    }
    paths[of].chmod(paths[of].stat().st_mode | open_to_others)
    with pytest.raises(ConfigurationError, match="open to other users") as refusal:
        KeyRing.open(directory)
    command = shlex.split(refusal.value.remedy.removeprefix("Run: "))
    assert command[0] == "chmod"
    subprocess.run(command, check=True)
    KeyRing.open(directory)


@pytest.mark.parametrize("name", ["ring.json", "a key file"])
@pytest.mark.parametrize("target_exists", [True, False])
def test_a_symbolic_link_is_not_followed(directory, tmp_path, name, target_exists):
    path = pem_of(directory) if name == "a key file" else directory / name
    target = path.rename(tmp_path / "elsewhere")
    path.symlink_to(target)
    if not target_exists:
        target.unlink()
    with pytest.raises(ConfigurationError, match="is a symbolic link"):
        KeyRing.open(directory)


def test_a_pipe_in_place_of_a_key_is_refused_at_once(directory):
    path = pem_of(directory)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigurationError, match="another thing than a file"):
        KeyRing.open(directory)


def test_a_directory_in_place_of_a_key_is_refused(directory):
    path = pem_of(directory)
    path.unlink()
    path.mkdir(0o600)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        KeyRing.open(directory)


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "keys").touch()
    with pytest.raises(ConfigurationError):
        KeyRing.open(tmp_path / "keys")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        new_key(tmp_path / "keys")


def test_a_directory_out_of_reach_is_not_taken_for_an_empty_one(tmp_path):
    (tmp_path / "keys").symlink_to("keys")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        KeyRing.open(tmp_path / "keys")


def test_a_key_is_not_added_to_a_directory_open_to_others(tmp_path):
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        new_key(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_key_file_is_refused_with_its_name(directory):
    path = pem_of(directory, position=1)
    path.unlink()
    with pytest.raises(ConfigurationError) as refusal:
        KeyRing.open(directory)
    assert refusal.value.problem == f"{path} cannot be read: No such file or directory."


@pytest.fixture(scope="session")
def spoilt_pems(private_key):
    password = serialization.BestAvailableEncryption(b"password")
    return {
        "nothing": b"",
        "garbage": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "a public key": private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        "an encrypted key": to_pem(private_key, password),
        "a key of another kind": to_pem(ec.generate_private_key(ec.SECP256R1())),
        "a weak key": to_pem(rsa.generate_private_key(65537, WEAK_BITS)),
        "another key": to_pem(private_key),
        "a key of exponent 3": to_pem(rsa.generate_private_key(3, 2048)),
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("nothing", "not an unencrypted private key"),
        ("garbage", "not an unencrypted private key"),
        ("a public key", "not an unencrypted private key"),
        ("an encrypted key", "not an unencrypted private key"),
        ("a key of another kind", "another kind than RSA"),
        ("a weak key", "1024 bits"),
        ("another key", "not the one that its kid names"),
        ("a key of exponent 3", "exponent"),
    ],
)
def test_a_key_file_with_something_else_in_it_is_refused(directory, spoilt_pems, content, reason):
    pem_of(directory).write_bytes(spoilt_pems[content])
    with pytest.raises(ConfigurationError, match=reason) as refusal:
        KeyRing.open(directory)
    assert "BEGIN" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": {}}', '{"keys": [], "keys": []}', '{"keys": [7]}', "\x00"]
)
def test_a_ring_json_that_is_no_ring_is_refused_and_left_alone(directory, text):
    (directory / "ring.json").write_text(text)
    for use in (KeyRing.open, new_key):
        with pytest.raises(ConfigurationError, match=r"ring\.json cannot be used"):
            use(directory)
    assert (directory / "ring.json").read_text() == text


@pytest.mark.parametrize(
    "members",
    [
        {"kid": "../ring"},
        {"kid": 7},
        {"state": "asleep", "removed_at": "2026-02-01T00:00:00Z"},
        {"state": ["active"]},
        {"created_at": None},
        {"created_at": 1_769_860_800},
        {"created_at": "yesterday"},
        {"created_at": "2026-01-31T12:00:00"},
        {"created_at": "2026-01-31T12:00:00+01:00"},
        {"activated_at": None},
        {"removed_at": "2026-02-01T00:00:00Z"},
        {"state": "staged"},
        {"state": "retired"},
        {"state": "revoked"},
        {"state": "staged", "activated_at": None, "replaced_at": "2026-02-01T00:00:00Z"},
        {"an unknown member": 1},
    ],
)
def test_an_entry_that_is_not_of_its_form_is_refused(directory, members):
    rewrite(directory, lambda keys: keys[0].update(members))
    with pytest.raises(ConfigurationError, match=r"ring\.json cannot be used"):
        KeyRing.open(directory)


def test_an_entry_without_a_member_is_refused(directory):
    rewrite(directory, lambda keys: keys[0].pop("removed_at"))
    with pytest.raises(
        ConfigurationError, match=r"cannot be used: expected a key\'s members to be kid, "
    ):
        KeyRing.open(directory)


def test_two_keys_that_both_sign_are_refused(directory):
    both = {"state": "active", "activated_at": "2026-02-01T00:00:00Z"}
    rewrite(directory, lambda keys: keys[1].update(both))
    with pytest.raises(ConfigurationError, match="more than one of its keys is active"):
        KeyRing.open(directory)


def test_a_key_listed_twice_is_refused(directory):
    rewrite(directory, lambda keys: keys.append(keys[0]))
    with pytest.raises(ConfigurationError, match="listed twice"):
        KeyRing.open(directory)


MEET_THE_OTHER_WRITER = """
import sys, time
from pathlib import Path
from flask_handoff.claims import system_clock
from flask_handoff.keys import new_key

directory, mine, others = map(Path, sys.argv[1:])

def clock_that_waits_for_the_other():
    # It is asked after the ring was read and before it is written: there two writers must not meet.
    mine.touch()
    deadline = time.monotonic() + 0.5
    while not others.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return system_clock()

new_key(directory, clock=clock_that_waits_for_the_other)
"""


@pytest.mark.processes
def test_two_processes_that_make_a_key_at_once_lose_none(tmp_path):
    names = [tmp_path / "one is in", tmp_path / "two is in"]
    writers = [
        subprocess.Popen([sys.executable, "-c", MEET_THE_OTHER_WRITER, tmp_path / "keys", *order])
        for order in (names, names[::-1])
    ]
    assert [writer.wait(timeout=30) for writer in writers] == [0, 0]
    assert sorted(entry.state for entry in read_ring(tmp_path / "keys")) == ["active", "staged"]
    KeyRing.open(tmp_path / "keys")
