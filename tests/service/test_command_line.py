"""What commands have in common, in a process as a shell starts it."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup

from flask_handoff import ConfigurationError
from flask_service.commands.command_line import plain_start

PRINTS_WHAT_CAME = (
    "from flask_service.commands.command_line import standard_input; print(standard_input(2))"
)


@pytest.mark.processes
@pytest.mark.parametrize(("redirection", "came"), [("<&-", b""), ("< /dev/zero", b"\0\0")])
def test_standard_input_may_be_closed_and_need_not_end(redirection, came):
    printed = subprocess.check_output(
        ["sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, PRINTS_WHAT_CAME],
        text=True,
        timeout=60,
    )
    assert printed == f"{came}\n"


@pytest.mark.processes
@pytest.mark.parametrize(
    ("call", "redirection", "told"),
    [
        ("click.echo('done')", "> /dev/full", "What was asked for may be done already."),
        ("confirm('Really?')", "<&-", "Nobody can be asked here. Give --yes."),
    ],
)
def test_what_cannot_be_printed_or_asked_is_told_in_a_sentence(call, redirection, told):
    program = f"""
import click
from flask_service.commands.command_line import confirm, plain_refusals
click.command()(plain_refusals()(lambda: {call}))()
"""
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@plain_start()
def create_app():
    raise ConfigurationError("There is no key.", "Make one.")


@pytest.mark.parametrize("argument", ["--help", "accounts"])
def test_a_server_that_does_not_start_says_so_in_one_sentence(argument):
    done = CliRunner().invoke(FlaskGroup(create_app=create_app), [argument])
    assert (done.exit_code, done.output) == (1, "Error: There is no key. Make one.\n")


def test_a_command_that_finds_no_server_ends_in_its_own_way():
    @click.command()
    def ask():
        with pytest.raises(click.ClickException):
            create_app()
        raise SystemExit(2)

    done = CliRunner().invoke(FlaskGroup(add_default_commands=False, commands=[ask]), ["ask"])
    assert done.exit_code == 2
