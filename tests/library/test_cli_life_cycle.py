import json
import re
import shlex
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from textwrap import dedent

import pytest

from flask_handoff.keys import KeyRing, new_key, read_ring
from tests.flask_command import run_flask, run_flask_process

HOUR = timedelta(hours=1)


@pytest.fixture
def flask(tmp_path):
    """Runs the flask command in an empty directory."""
    return partial(run_flask, tmp_path)


@pytest.fixture(scope="session")
def staged_an_hour_ago(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ring") / "x"
    new_key(directory, clock=lambda: datetime.now(UTC) - 2 * HOUR)
    new_key(directory, clock=lambda: datetime.now(UTC) - HOUR)
    return directory


@pytest.fixture
def ring(staged_an_hour_ago, tmp_path):
    """The directory ``x`` with a key that signs and one that is staged since an hour."""
    directory = tmp_path / "x"
    directory.mkdir(0o700)
    for path in staged_an_hour_ago.iterdir():
        copy = directory / path.name
        copy.touch(0o600)
        copy.write_bytes(path.read_bytes())
    return directory


@pytest.fixture
def kids(ring):
    return [entry.kid for entry in read_ring(ring)]


def rewrite(ring, kid, **members):
    path = ring / "ring.json"
    document = json.loads(path.read_bytes())
    for entry in document["keys"]:
        if entry["kid"] == kid:
            entry.update(members)
    path.write_text(json.dumps(document))


def ago(**duration):
    return f"{datetime.now(UTC) - timedelta(**duration):%Y-%m-%dT%H:%M:%SZ}"


def states(ring):
    return [entry.state for entry in read_ring(ring)]


def refusal_of(answer):
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    return answer.stderr.splitlines()[-1].removeprefix("Error: ")


def seconds_to_wait(refusal):
    """How long a refusal says to wait; checks that the date says the same."""
    said = re.search(r"Try again in 0:(\d\d):(\d\d), at (\S+ \S+) UTC", refusal)
    seconds = int(said[1]) * 60 + int(said[2])
    at = datetime.fromisoformat(said[3]).replace(tzinfo=UTC)
    assert -5 < (at - datetime.now(UTC)).total_seconds() - seconds < 5
    return seconds


@pytest.mark.processes
def test_a_whole_rotation(tmp_path, ring, kids):
    flask = partial(run_flask_process, tmp_path)
    staged = flask("handoff-keys", "stage", "--directory", "x")
    assert staged.returncode == 0, staged.stderr
    third = read_ring(ring)[2].kid
    rewrite(ring, third, created_at=ago(seconds=310))
    assert flask("handoff-keys", "activate", third, "--directory", "x").returncode == 0
    assert KeyRing.open(ring).signing_key.kid == third
    rewrite(ring, kids[0], replaced_at=ago(seconds=915))
    assert flask("handoff-keys", "retire", kids[0], "--directory", "x").returncode == 0
    assert states(ring) == ["retired", "staged", "active"]
    KeyRing.open(ring)


def test_what_comes_too_early_is_refused_with_the_time_that_remains(flask, ring, kids):
    rewrite(ring, kids[1], created_at=ago(seconds=118))
    too_early = flask("handoff-keys", "activate", kids[1], "--directory", "x")
    assert 180 < seconds_to_wait(refusal_of(too_early)) <= 192
    rewrite(ring, kids[1], created_at=ago(hours=1))
    flask("handoff-keys", "activate", kids[1], "--directory", "x")
    too_early = flask("handoff-keys", "retire", kids[0], "--directory", "x")
    assert 900 < seconds_to_wait(refusal_of(too_early)) <= 915
    assert states(ring) == ["active", "active"]


def test_the_commands_that_are_printed_are_those_that_come_next(flask, ring, kids):
    activated = flask("handoff-keys", "activate", "--directory", "x")
    _, retire = activated.stdout.split("you may retire it: ")
    rewrite(ring, kids[0], replaced_at=ago(hours=1))
    assert flask(*shlex.split(retire)[1:]).returncode == 0
    staged = flask("handoff-keys", "stage", "--directory", "x")
    _, activate = staged.stdout.split("you may activate it: ")
    rewrite(ring, read_ring(ring)[2].kid, created_at=ago(hours=1))
    assert flask(*shlex.split(activate)[1:]).returncode == 0
    assert states(ring) == ["retired", "active", "active"]


def test_without_a_name_the_only_key_is_meant_that_can_be(flask, ring, kids):
    refusal = refusal_of(flask("handoff-keys", "retire", "--directory", "x"))
    assert refusal == "No key is active and replaced."
    assert flask("handoff-keys", "activate", "--directory", "x").returncode == 0
    rewrite(ring, kids[0], replaced_at=ago(hours=1))
    assert flask("handoff-keys", "retire", "--directory", "x").returncode == 0
    assert states(ring) == ["retired", "active"]


def test_of_several_keys_that_can_be_meant_one_has_to_be_named(flask, ring, kids):
    third = new_key(ring).kid
    refusal = refusal_of(flask("handoff-keys", "activate", "--directory", "x"))
    assert refusal == f"More than one key is staged. Name one of them: {kids[1]} {third}"


@pytest.mark.parametrize("command", ["activate", "retire", "revoke"])
@pytest.mark.parametrize("kid", ["-b-begins-with-a-dash", "--begins-with-two"])
def test_a_name_that_begins_with_a_dash_is_no_option(flask, ring, command, kid):
    refusal = refusal_of(flask("handoff-keys", command, kid, "--directory", "x"))
    assert refusal.startswith(f"There is no key {kid!r} in the ring.")


def test_the_list_says_what_may_be_done_from_when(flask, ring, kids):
    flask("handoff-keys", "activate", "--directory", "x")
    new_key(ring)
    rows = flask("handoff-keys", "list", "--directory", "x").stdout.splitlines()[1:]
    assert re.search(
        r"  active .*  may be retired from \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", rows[0]
    )
    assert rows[1].endswith("  signs")
    assert re.search(r"  staged .*  -  +may be activated from .* UTC$", rows[2])


def test_the_list_keeps_what_was_withdrawn(flask, ring, kids):
    flask("handoff-keys", "retire", kids[1], "--directory", "x")
    flask("handoff-keys", "revoke", kids[0], "--directory", "x", "--yes")
    rows = flask("handoff-keys", "list", "--directory", "x").stdout.splitlines()[1:]
    assert re.fullmatch(rf"{kids[0]}  revoked .*  revoked \d{{4}}-.* UTC", rows[0])
    assert re.fullmatch(rf"{kids[1]}  retired .*  retired \d{{4}}-.* UTC", rows[1])


def test_a_revocation_says_who_is_affected_since_when(flask, ring, kids):
    created_at = read_ring(ring)[0].created_at
    answer = flask("handoff-keys", "revoke", kids[0], "--directory", "x", "--yes")
    assert answer.returncode == 0, answer.stderr
    assert f"Key {kids[0]} is revoked" in answer.stdout
    assert f"Key {kids[1]} signs from now on" in answer.stdout
    assert f"receivers opened since {created_at:%Y-%m-%d %H:%M:%S} UTC" in answer.stdout
    assert "flask handoff-keys flush" in answer.stdout
    assert states(ring) == ["revoked", "active"]
    assert {path.stem for path in ring.glob("*.pem")} == {kids[1]}


def test_a_revocation_asks_first(flask, ring, kids):
    for no in ("n\n", ""):
        answer = flask("handoff-keys", "revoke", *kids, "--directory", "x", answer=no)
        assert answer.returncode == 1
        assert kids[0] in answer.stdout
        assert kids[1] in answer.stdout
        assert states(ring) == ["active", "staged"]
    answer = flask("handoff-keys", "revoke", *kids, "--directory", "x", answer="y\n")
    assert answer.returncode == 0, answer.stderr
    assert states(ring) == ["revoked", "revoked", "active"]


def test_a_revocation_of_what_is_no_key_does_not_ask(flask, ring, kids):
    answer = flask("handoff-keys", "revoke", kids[0], "x", "--directory", "x", answer="y\n")
    assert refusal_of(answer).startswith("There is no key 'x'")
    assert "Revoke?" not in answer.stdout
    assert states(ring) == ["active", "staged"]


RECEIVER = """
    from flask import Flask

    app = Flask(__name__)
    app.config.update({settings!r})
"""


@pytest.fixture
def flush(flask, tmp_path):
    def run(**settings):
        (tmp_path / "a_receiver.py").write_text(dedent(RECEIVER.format(settings=settings)))
        return flask("--app", "a_receiver", "handoff-keys", "flush")

    return run


def test_to_flush_touches_the_file_that_the_receiver_watches(flush, tmp_path):
    watched = tmp_path / "flush_keys"
    for _ in range(2):
        before = time.time_ns()
        answer = flush(HANDOFF_JWKS_FLUSH_FILE=str(watched))
        assert answer.returncode == 0, answer.stderr
        assert watched.stat().st_mtime_ns > before - 100_000_000  # the tick of the file system
        assert str(watched) in answer.stdout


def test_what_cannot_be_flushed_is_started_again(flush):
    assert "Start them again" in refusal_of(flush())
    assert "Start the receiver again" in refusal_of(flush(HANDOFF_JWKS_FLUSH_FILE="no/such/place"))
    pinned = flush(HANDOFF_PINNED_KEYS="keys.json", HANDOFF_JWKS_FLUSH_FILE="flush_keys")
    assert "pinned in keys.json" in refusal_of(pinned)
