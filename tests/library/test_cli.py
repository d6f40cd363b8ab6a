import json
import re
import shlex
from textwrap import dedent

import pytest

from flask_handoff.keys import KeyRing, new_key, read_ring
from tests.flask_command import run_flask, run_flask_process

A_DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@pytest.fixture
def flask(tmp_path):
    """Runs the flask command in an empty directory."""
    return lambda *arguments, **settings: run_flask(tmp_path, *arguments, settings=settings)


def refusal_of(answer):
    """The one sentence or two that a user sees when a command is refused."""
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "Traceback" not in answer.stderr
    (line,) = answer.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.fixture
def write_application(tmp_path):
    def write(source):
        (tmp_path / "an_application.py").write_text(dedent(source))

    return write


@pytest.mark.processes
def test_a_first_key_is_made_where_there_is_no_application(tmp_path):
    answer = run_flask_process(tmp_path, "handoff-keys", "new", "--directory", "x")
    assert answer.returncode == 0, answer.stderr
    kid = KeyRing.open(tmp_path / "x").signing_key.kid
    assert f"Made key {kid} in x." in answer.stdout
    assert "It is active: start the issuer" in answer.stdout


@pytest.mark.processes
@pytest.mark.parametrize(
    ("arguments", "redirection", "told"),
    [
        (("list",), ">/dev/full", "What was asked for may be done already."),
        (("revoke", "{kid}"), "<&-", "Nobody can be asked here. Give --yes."),
    ],
)
def test_what_cannot_be_printed_or_asked_is_told(arguments, redirection, told, tmp_path):
    kid = new_key(tmp_path / "x").kid
    answer = run_flask_process(
        *(tmp_path, "handoff-keys"),
        *(argument.format(kid=kid) for argument in arguments),
        *("--directory", "x"),
        wrapped=("sh", "-c", f'exec "$@" {redirection}', "sh"),
    )
    assert answer.returncode
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr
    assert KeyRing.open(tmp_path / "x").signing_key.kid == kid


def test_a_second_key_is_staged_and_both_are_listed(flask, tmp_path):
    flask("handoff-keys", "new", "--directory", "x")
    assert "It is staged" in flask("handoff-keys", "new", "--directory", "x").stdout
    answer = flask("handoff-keys", "list", "--directory", "x")
    first, second = read_ring(tmp_path / "x")
    heading, *rows = answer.stdout.splitlines()
    assert heading.split() == ["KID", "STATE", "CREATED", "ACTIVATED", "REMARK"]
    assert re.fullmatch(rf"{first.kid}  active  {A_DATE}  {A_DATE}  signs", rows[0])
    assert re.fullmatch(rf"{second.kid}  staged  {A_DATE}  - +  may be activated .*", rows[1])


def test_the_size_of_a_key_can_be_chosen(flask, tmp_path):
    flask("handoff-keys", "new", "--directory", "x", "--bits", "3072")
    assert KeyRing.open(tmp_path / "x").signing_key.private_key.key_size == 3072


def test_a_size_that_is_not_offered_is_refused(flask, tmp_path):
    answer = flask("handoff-keys", "new", "--directory", "x", "--bits", "1024")
    assert answer.returncode == 2
    assert "2048" in answer.stderr
    assert not (tmp_path / "x").exists()


def test_nothing_secret_is_printed(flask, tmp_path):
    made = flask("handoff-keys", "new", "--directory", "x")
    listed = flask("handoff-keys", "list", "--directory", "x")
    (pem,) = (tmp_path / "x").glob("*.pem")
    printed = made.stdout + made.stderr + listed.stdout + listed.stderr
    assert not any(line in printed for line in pem.read_text().splitlines())


@pytest.mark.parametrize("command", ["new", "stage", "list", "activate", "retire"])
def test_without_application_and_directory_the_user_is_told_what_to_give(flask, command):
    refusal = refusal_of(flask("handoff-keys", command))
    assert "--directory" in refusal
    assert "HANDOFF_KEYS_DIRECTORY" in refusal


def test_the_directory_may_come_from_the_environment(flask, tmp_path):
    flask("handoff-keys", "new", HANDOFF_KEYS_DIRECTORY="from the environment")
    KeyRing.open(tmp_path / "from the environment")


def test_the_directory_of_the_application_is_the_default(flask, tmp_path, write_application):
    write_application(
        """
        from flask import Flask

        app = Flask(__name__)
        app.config["HANDOFF_KEYS_DIRECTORY"] = "of the application"
        """
    )
    flask("--app", "an_application", "handoff-keys", "new", HANDOFF_KEYS_DIRECTORY="another")
    KeyRing.open(tmp_path / "of the application")


def test_a_directory_that_is_given_comes_first(flask, tmp_path, write_application):
    write_application("raise RuntimeError('this application cannot start')")
    answer = flask("--app", "an_application", "handoff-keys", "new", "--directory", "given")
    assert answer.returncode == 0, answer.stderr
    KeyRing.open(tmp_path / "given")


def test_an_application_that_lacks_its_keys_says_how_to_make_them(
    flask, tmp_path, write_application
):
    write_application(
        """
        from pathlib import Path

        from flask_handoff.keys import KeyRing

        KeyRing.open(Path("the keys"))
        """
    )
    refusal = refusal_of(flask("--app", "an_application", "handoff-keys", "new"))
    _, command = refusal.split("Make its first key: ")
    assert flask(*shlex.split(command)[1:]).returncode == 0
    KeyRing.open(tmp_path / "the keys")


def test_an_application_that_is_not_there_is_named(flask):
    answer = flask("--app", "no_such_application", "handoff-keys", "list")
    assert answer.returncode != 0
    assert "no_such_application" in answer.stderr


def test_a_list_of_a_directory_without_keys_is_refused_with_the_command(flask):
    refusal = refusal_of(flask("handoff-keys", "list", "--directory", "x"))
    assert refusal.endswith("Make its first key: flask handoff-keys new --directory x")


def test_a_ring_without_an_active_key_can_still_be_listed(flask, tmp_path):
    new_key(tmp_path / "x")
    path = tmp_path / "x" / "ring.json"
    ring = json.loads(path.read_bytes())
    ring["keys"][0] |= {"state": "staged", "activated_at": None}
    path.write_text(json.dumps(ring))
    assert "staged" in flask("handoff-keys", "list", "--directory", "x").stdout


@pytest.mark.parametrize("command", ["new", "stage", "list", "activate", "retire"])
def test_a_directory_open_to_others_is_refused_with_the_command(flask, tmp_path, command):
    new_key(tmp_path / "x")
    (tmp_path / "x").chmod(0o750)
    refusal = refusal_of(flask("handoff-keys", command, "--directory", "x"))
    assert refusal.endswith("Run: chmod 700 x")


def test_a_directory_that_cannot_be_made_is_refused(flask, tmp_path):
    (tmp_path / "file").touch()
    refusal = refusal_of(flask("handoff-keys", "new", "--directory", "file/x"))
    assert "cannot be written: Not a directory" in refusal


def test_a_disk_that_is_full_leaves_the_ring_as_it_was(flask, tmp_path):
    new_key(tmp_path / "x")
    before = {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    # No file may grow beyond one block, which is less than a key takes.
    little_room = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh"]
    answer = run_flask_process(
        tmp_path, "handoff-keys", "new", "--directory", "x", wrapped=little_room
    )
    assert "cannot be written: File too large" in refusal_of(answer)
    assert {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()} == before


def test_the_help_says_what_a_larger_key_costs(flask):
    help_text = flask("handoff-keys", "new", "--help").stdout
    assert "[2048|3072|4096]" in help_text
    assert "longer" in help_text
