"""The Firefox of this machine, for tests: Puppeteer drives it, in one process of Node.js."""

import json
import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager

import pytest

from tests.documents import CHECKOUT
from tests.strangers.environments import Environments, UnavailableError
from tests.strangers.processes import started

NEEDED = os.environ.get("REQUIRE_BROWSER") == "1"
LEAST_NODE = 18  # the oldest that this Puppeteer runs on, and that of Debian 12
# What is not on this machine goes to a proxy that does not exist: Firefox reaches nothing else.
PREFERENCES = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
}


class FirefoxFailedError(Exception):
    """A script did not come to its end; the text is what was written about it."""


class Firefox:
    """A running Firefox.

    Args:
        executable: Its program.
        process: The Node.js that drives it, one line for a request and one for its answer.
        log: What Node.js writes beside that.
    """

    def __init__(self, executable, process, log):
        self.executable = executable
        self._process = process
        self._log = log

    def run(self, script, **given):
        """Run a script of ``tests/browser/firefox/app.mjs`` in a fresh profile; return its result.

        Raises:
            FirefoxFailedError: It did not come to its end.
        """
        self._process.stdin.write(json.dumps({"run": script, **given}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": self._log.read_text()}
        if "error" in answer:
            raise FirefoxFailedError(answer["error"])
        return answer["result"]


@contextmanager
def running_firefox(folder):
    """Run Firefox until the block ends, with all that it writes in an empty folder.

    Raises:
        UnavailableError: The machine lacks it, or what drives it.
    """
    executable = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    if not executable or not os.access(executable, os.X_OK):
        raise UnavailableError(
            "There is no Firefox: apt-get install firefox-esr, or set FIREFOX to its path."
        )
    environments = Environments(CHECKOUT / "tests" / "browser", CHECKOUT / "build", LEAST_NODE)
    driver = environments.command("firefox")
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(
        "".join(f"user_pref({json.dumps(n)}, {json.dumps(v)});\n" for n, v in PREFERENCES.items())
    )
    log = folder / "driver.log"
    with (
        log.open("w") as written,
        started(
            [*driver, executable, profile],
            # The helper for crashes would be in a process group of its own, and stay.
            env={"PATH": os.environ["PATH"], "HOME": folder, "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        ) as process,
    ):
        yield Firefox(executable, process, log)


@pytest.fixture(scope="session")
def firefox(tmp_path_factory):
    with ExitStack() as stack:
        try:
            firefox = stack.enter_context(running_firefox(tmp_path_factory.mktemp("firefox")))
        except UnavailableError as error:
            (pytest.fail if NEEDED else pytest.skip)(str(error))
        yield firefox
