import itertools
import re
import sys
from contextlib import ExitStack, contextmanager

import pytest

from tests.end_to_end.journey import Browser
from tests.pair import PASSWORD, Pair, running_pair

# All of 127.0.0.0/8 is this machine, but only Linux lets one begin there without a word before.
ADDRESSES = (
    map("127.1.{0[0]}.{0[1]}".format, itertools.product(range(256), range(1, 255)))
    if sys.platform == "linux"
    else itertools.repeat("")
)
JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.")


@contextmanager
def watched_pair(folder, **settings):
    """Run the pair, and look through both logs at the end, whatever the tests did meanwhile."""
    with running_pair(folder, **settings) as pair:
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


@pytest.fixture
def new_browser(pair: Pair):
    """Opens one more browser, with a cookie jar of its own and at an address of its own.

    SERVER1 counts wrong passwords by the address they come from, and the tests share a server.
    """
    with ExitStack() as stack:
        yield lambda: stack.enter_context(
            Browser(pair.server1.base_url, pair.server2.base_url, next(ADDRESSES))
        )


@pytest.fixture
def browser(new_browser):
    return new_browser()


@pytest.fixture
def signed_in(pair, browser):
    """A browser that is signed in at SERVER1, and nowhere else yet."""
    browser.sign_in(pair.password)
    return browser
