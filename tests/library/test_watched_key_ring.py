import json
import logging
import shutil
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest

from flask_handoff import HANDOFF, SignedInUser, TokenMinter
from flask_handoff.errors import (
    ConfigurationError,
    DependencyUnavailableError,
    TokenKeyUnknownError,
)
from flask_handoff.keys import (
    KeyRing,
    WatchedKeyRing,
    activate_key,
    new_key,
    read_ring,
    retire_key,
    revoke_keys,
)
from tests.jwks_endpoint import FakeMonotonic

CHECKOUT = Path(__file__).parents[2]
LONG_AGO = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def ring_of_two(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ring") / "keys"
    new_key(directory, clock=lambda: LONG_AGO)
    new_key(directory, clock=lambda: LONG_AGO)
    return directory


@pytest.fixture
def directory(ring_of_two, tmp_path):
    return Path(shutil.copytree(ring_of_two, tmp_path / "keys"))


@pytest.fixture
def first(directory):
    return read_ring(directory)[0].kid


@pytest.fixture
def second(directory):
    return read_ring(directory)[1].kid


@pytest.fixture
def monotonic():
    return FakeMonotonic()


@pytest.fixture
def watched(directory, monotonic):
    return WatchedKeyRing(directory, monotonic=monotonic)


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.INFO, "flask_handoff")
    return lambda name: [line for line in caplog.messages if line.startswith(name)]


def published(ring):
    return [jwk["kid"] for jwk in json.loads(ring.jwks_json)["keys"]]


def test_an_activation_is_followed_within_a_second(directory, watched, monotonic, first, second):
    activate_key(directory, second)
    assert watched.signing_key.kid == first
    monotonic.tick(1)
    assert watched.signing_key.kid == second


def test_within_a_second_the_ring_is_not_looked_at_again(directory, watched, monotonic):
    ring = watched.current()
    shutil.rmtree(directory)
    monotonic.tick(0.9)
    assert watched.current() is ring


def test_what_is_published_is_followed_at_once(directory, watched, first, second):
    retire_key(directory, second)
    assert published(watched) == [first]
    third = new_key(directory)
    assert published(watched) == [first, third.kid]


def test_a_receiver_that_asks_right_after_a_revocation_is_not_told_of_the_key(
    directory, watched, first, second
):
    revoke_keys(directory, [first])
    assert published(watched) == [second]
    assert watched.signing_key.kid == second
    with pytest.raises(TokenKeyUnknownError):
        watched.current().key(first)


def test_the_minter_signs_with_the_key_that_signs_now(directory, watched, monotonic, second):
    minter = TokenMinter(issuer="https://server1.example.com", key_ring=watched)
    activate_key(directory, second)
    monotonic.tick(1)
    token = minter.mint(
        HANDOFF,
        SignedInUser("u-1", "s-1", LONG_AGO),
        audience="notes",
        nonce="n",
        scope=frozenset({"openid"}),
    )
    assert jwt.get_unverified_header(token)["kid"] == second
    assert jwt.decode(token, watched.current().key(second).public_key, ["RS256"], audience="notes")


def test_one_state_of_the_ring_is_whole_whatever_comes_after(directory, watched, first, second):
    ring = watched.current()
    revoke_keys(directory, [first])
    assert watched.newest() is not ring
    assert (ring.signing_key.kid, published(ring)) == (first, [first, second])


def test_a_key_that_is_loaded_is_not_loaded_again(directory, watched, monotonic, first, second):
    loaded = watched.signing_key.private_key
    for kid in (first, second):
        (directory / f"{kid}.pem").write_text("spoilt")
    third = new_key(directory)
    assert published(watched) == [first, second, third.kid]
    assert watched.signing_key.private_key is loaded
    with pytest.raises(ConfigurationError):
        KeyRing.open(directory)


def test_a_ring_that_is_broken_is_logged_once_with_the_remedy_and_the_old_one_stays(
    directory, watched, monotonic, logged, first
):
    activate_key(directory, read_ring(directory)[1].kid)
    (directory / "ring.json").chmod(0o644)
    for _ in range(20):
        monotonic.tick(1)
        assert watched.signing_key.kid == first
    (complaint,) = logged("key_ring_unusable")
    assert f"chmod 600 {directory / 'ring.json'}" in complaint


def test_a_ring_that_was_broken_is_followed_when_it_is_mended(
    directory, watched, monotonic, first, second
):
    pem = directory / f"{new_key(directory).kid}.pem"
    pem.chmod(0o644)
    activate_key(directory, second)
    assert published(watched) == [first, second]
    with pytest.raises(DependencyUnavailableError, match="chmod 600"):
        watched.check_followed()
    pem.chmod(0o600)
    monotonic.tick(5)
    watched.check_followed()
    assert watched.signing_key.kid == second


def test_a_broken_ring_is_read_once_in_five_seconds_however_often_it_is_asked_for(
    directory, watched, monotonic, first, second
):
    ring = (directory / "ring.json").read_text()
    (directory / "ring.json").write_text("broken")
    assert published(watched) == [first, second]
    (directory / "ring.json").write_text(json.dumps({"keys": json.loads(ring)["keys"][:1]}))
    monotonic.tick(4)
    assert published(watched) == [first, second]
    monotonic.tick(1)
    assert published(watched) == [first]


def test_a_ring_that_is_gone_and_comes_back_unchanged_does_no_harm(
    directory, watched, monotonic, logged, first
):
    directory.rename(directory.with_name("away"))
    monotonic.tick(1)
    assert watched.signing_key.kid == first
    directory.with_name("away").rename(directory)
    monotonic.tick(5)
    assert watched.signing_key.kid == first
    assert len(logged("key_ring_unusable")) == 1
    directory.rename(directory.with_name("away"))
    monotonic.tick(1)
    assert watched.signing_key.kid == first
    assert len(logged("key_ring_unusable")) == 2


def test_a_change_is_logged_with_names_only(directory, watched, logged, first, second):
    activate_key(directory, second)
    watched.newest()
    kids = ",".join(sorted([first, second]))
    assert logged("key_ring_changed") == [
        f"key_ring_changed directory={directory} signing_key={second} published={kids}"
    ]


def test_a_server_does_not_start_with_a_broken_ring(directory):
    (directory / "ring.json").write_text("broken")
    with pytest.raises(ConfigurationError):
        WatchedKeyRing(directory)


def run_script(script, *arguments):
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        cwd=CHECKOUT,
        timeout=30,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.processes
def test_a_key_that_is_withdrawn_while_the_ring_is_read_is_no_fault_of_the_ring(directory, second):
    # An audit hook cannot be taken away again: a process of its own.
    script = """
        import json, sys
        from pathlib import Path
        from flask_handoff.keys import WatchedKeyRing, retire_key

        directory, second = Path(sys.argv[1]), sys.argv[2]
        to_withdraw = [second]

        def withdraw(event, arguments):
            # The ring was read, and lists a key whose file will be gone.
            if event == "open" and str(arguments[0]).endswith(".pem") and to_withdraw:
                retire_key(directory, to_withdraw.pop())

        sys.addaudithook(withdraw)
        watched = WatchedKeyRing(directory)
        assert not to_withdraw
        assert second not in watched.jwks_json.decode()
    """
    run_script(script, directory, second)


@pytest.mark.processes
def test_while_one_caller_loads_the_others_use_the_old_ring(directory, first, second):
    script = """
        import sys, threading
        from concurrent.futures import ThreadPoolExecutor
        from pathlib import Path
        from flask_handoff.keys import WatchedKeyRing, new_key
        from tests.jwks_endpoint import FakeMonotonic

        directory, first = Path(sys.argv[1]), sys.argv[2]
        clock = FakeMonotonic()
        watched = WatchedKeyRing(directory, monotonic=clock)
        third = new_key(directory).kid
        loads, may_end = threading.Event(), threading.Event()

        def hold(event, arguments):
            if event == "open" and third in str(arguments[0]):
                loads.set()
                assert may_end.wait(60)

        sys.addaudithook(hold)
        clock.tick(1)
        with ThreadPoolExecutor() as threads:
            loading = threads.submit(watched.current)
            assert loads.wait(60)
            assert all(third not in watched.current().kids for _ in range(1000))
            may_end.set()
            assert third in loading.result(60).kids
        assert third in watched.current().kids
    """
    run_script(script, directory, first)
