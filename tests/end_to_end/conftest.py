import itertools
import sys
from contextlib import ExitStack, contextmanager

import pytest

from flask_service.database import database_of
from server1 import create_app
from server1.config import Config
from tests.end_to_end.journey import Browser
from tests.pair import PASSWORD, Pair, described_pair, running
from tests.token_texts import JWT

# All of 127.0.0.0/8 is this machine, but only Linux lets one begin there without a word before.
ADDRESSES = (
    map("127.1.{0[0]}.{0[1]}".format, itertools.product(range(256), range(1, 255)))
    if sys.platform == "linux"
    else itertools.repeat("")
)


def watched_pair(folder, **settings):
    """Run a pair, see ``watched``."""
    return watched(described_pair(folder, **settings))


@contextmanager
def watched(pair):
    """Run the pair, and look through both logs at the end, whatever the tests did meanwhile."""
    with running(pair.server1, pair.server2):
        yield pair
    for server in (pair.server1, pair.server2):
        assert not JWT.search(server.log)
        assert PASSWORD not in server.log
        programming_error = server.log.partition("Traceback")[2]
        assert not programming_error, programming_error[:8000]


@pytest.fixture(scope="session")
def query_pair(tmp_path_factory):
    """The pair as it is out of the box: the token comes in the query of a redirect."""
    with watched_pair(tmp_path_factory.mktemp("query")) as pair:
        yield pair


@pytest.fixture(scope="session")
def form_post_pair(tmp_path_factory):
    with watched_pair(
        tmp_path_factory.mktemp("form_post"), server2={"HANDOFF_RESPONSE_MODE": "form_post"}
    ) as pair:
        yield pair


@pytest.fixture
def pair(query_pair):
    return query_pair


@contextmanager
def opening_browsers(pair: Pair):
    """Open one more browser with each call, with a cookie jar and at an address of its own.

    SERVER1 counts wrong passwords by the address they come from, and the tests share a server.
    """
    with ExitStack() as stack:
        yield lambda: stack.enter_context(
            Browser(pair.server1.base_url, pair.server2.base_url, next(ADDRESSES))
        )


@pytest.fixture
def new_browser(pair):
    with opening_browsers(pair) as new_browser:
        yield new_browser


@pytest.fixture
def browser(new_browser):
    return new_browser()


@pytest.fixture
def signed_in(pair, browser):
    """A browser that is signed in at SERVER1, and nowhere else yet."""
    browser.sign_in(pair.password)
    return browser


@pytest.fixture(scope="module")
def operator(query_pair):
    """Runs ``flask --app server1 …`` here, which starts no process and notifies no worker."""
    environment = {**query_pair.server1.environment, "SERVER1_DEMO": "0"}
    app = create_app(Config.from_environment(environment))

    def run(*command):
        done = app.test_cli_runner().invoke(args=command)
        assert done.exit_code == 0, done.output
        return done.output

    yield run
    database_of(app).close()
