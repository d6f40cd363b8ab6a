"""What commands have in common, in a process as a shell starts it."""

import subprocess
import sys

import pytest

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
