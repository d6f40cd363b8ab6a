import os
import subprocess

import pytest

from tests.documents import CHECKOUT
from tests.strangers.environments import Environments, UnavailableError

PATIENCE = 120  # seconds for one command

collect_ignore = ["walks"]  # which run where Flask-Login and the like are installed


class Environment:
    """The environment of the examples: other people's packages, and our library as it is here."""

    def __init__(self, python):
        self.python = python

    def settings(self, **more):
        path = os.pathsep.join([str(CHECKOUT / "shared"), str(CHECKOUT)])
        return {"PATH": os.environ["PATH"], "PYTHONPATH": path, **more}

    def run(self, *command, cwd, **settings):
        return subprocess.run(
            [self.python, *command],
            cwd=cwd,
            env=self.settings(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


@pytest.fixture(scope="session")
def environment():
    try:
        python, _ = Environments(CHECKOUT / "tests").command("examples")
    except UnavailableError as error:
        required = os.environ.get("REQUIRE_PACKAGES") == "1"
        (pytest.fail if required else pytest.skip)(str(error))
    return Environment(python)
