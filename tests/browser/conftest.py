from contextlib import ExitStack, contextmanager

import pytest

from tests.browser.places import running_lab
from tests.browser.tab import Tab
from tests.chromium import PATIENCE
from tests.firefox import firefox  # noqa: F401 - a fixture
from tests.pair import running_pair
from tests.token_texts import JWT


@pytest.fixture(scope="session")
def query_pair(tmp_path_factory):
    with running_pair(tmp_path_factory.mktemp("query")) as pair:
        yield pair


@pytest.fixture(scope="session")
def form_post_pair(tmp_path_factory):
    with running_pair(
        tmp_path_factory.mktemp("form_post"), server2={"HANDOFF_RESPONSE_MODE": "form_post"}
    ) as pair:
        yield pair


@pytest.fixture(scope="session")
def strict_pair(tmp_path_factory):
    with running_pair(
        tmp_path_factory.mktemp("strict"), server2={"SERVER2_SESSION_SAMESITE": "Strict"}
    ) as pair:
        yield pair


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    with running_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server
    assert "Traceback" not in server.log
    assert not JWT.search(server.log)  # no token either


@pytest.fixture
def pair(query_pair):
    return query_pair


@pytest.fixture(scope="session")
def new_profile(chromium):
    """Opens a fresh browser profile and its first tab; what it complains about fails the test."""

    @contextmanager
    def open_profile(pair, browser=chromium, **options):
        # What is on its way from one colour to another has no contrast of its own.
        context = browser.new_context(**{"reduced_motion": "reduce", **options})
        context.set_default_timeout(PATIENCE)
        try:
            tab = Tab(context.new_page(), pair)
            yield tab
            assert tab.complaints == []
        finally:
            context.close()

    return open_profile


@pytest.fixture
def new_person(new_profile, pair):
    """Opens profiles that last as long as the test, with a tab in each."""
    with ExitStack() as stack:
        yield lambda *browser, **options: stack.enter_context(
            new_profile(pair, *browser, **options)
        )


@pytest.fixture
def tab(new_person):
    return new_person()
