"""What a whole handoff costs, counted: calls, transactions, statements, loads of private keys.

The bounds are what was counted last: they are lowered, never raised. ``-rP`` shows the figures.
"""

import gc
import io
import logging
import sys
from contextlib import contextmanager, redirect_stderr
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event

from flask_handoff.keys import KeyRing
from flask_service.database import database_of
from server2 import create_app
from server2.config import Config
from tests.jwks_endpoint import JWKSEndpoint, response, sends
from tests.servers import notes_visitor

MOST_CALLS = 4_700  # of functions in Python and in C
MOST_TRANSACTIONS = 3
MOST_STATEMENTS = 13
CALLS_ARE_KNOWN = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the bounds were counted on Python 3.11"
)
LOADS_OF_PRIVATE_KEYS = {"load_pem_private_key", "load_der_private_key", "private_key"}


class Counter:
    """Counts what the code of both servers does while it answers requests."""

    def __init__(self):
        self.calls: dict[str, int] = {}  # by request
        self.key_loads = self.transactions = self.statements = 0

    @contextmanager
    def watching(self, app):
        answers, engine = app.wsgi_app, database_of(app).engine
        app.wsgi_app = self._counted(answers)
        event.listen(engine, "connect", self._trace)
        database_of(app).close()  # so that each connection is traced
        try:
            yield
        finally:
            app.wsgi_app = answers
            event.remove(engine, "connect", self._trace)
            database_of(app).close()

    @contextmanager
    def counting(self, request):
        self.calls[request] = 0

        def count(_frame, what, function):
            if what in ("call", "c_call"):
                self.calls[request] += 1
            if what == "c_call" and function.__name__ in LOADS_OF_PRIVATE_KEYS:
                self.key_loads += 1

        sys.setprofile(count)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _counted(self, answers):
        def answer(environ, start_response):
            with self.counting(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"):
                body = answers(environ, start_response)
                chunks = [*body]
                if not isinstance(body, list):  # which is sent at once
                    body.close()
            return chunks

        return answer

    def _trace(self, driver, _record):
        driver.set_trace_callback(self._count_statement)

    def _count_statement(self, statement):
        if statement.startswith("BEGIN"):
            self.transactions += 1
        elif not statement.startswith(("COMMIT", "PRAGMA")):
            self.statements += 1


def calls_of(app, ask):
    """Return how many calls the request takes that *ask* sends, once all is prepared for it."""
    counter, calls = Counter(), []
    with counter.watching(app), undisturbed():
        for _ in range(3):
            ask()
            calls.append(sum(counter.calls.values()))
    print(f"{min(calls)} calls: {counter.calls}")  # noqa: T201
    return min(calls)


@pytest.fixture
def notes_app(notes_environment, accounts, clock):
    """SERVER2, which fetches its keys from SERVER1."""
    keys = accounts.app.test_client().get("/.well-known/jwks.json", base_url=accounts.issuer)
    with JWKSEndpoint(sends(response(keys.data, "Content-Type: application/json"))) as endpoint:
        settings = {**notes_environment, "HANDOFF_JWKS_URI": endpoint.uri}
        del settings["HANDOFF_PINNED_KEYS"]
        app = create_app(Config.from_environment(settings), clock=clock)
        yield app
        database_of(app).close()


@pytest.fixture
def hand_off(accounts, notes_app, browser1):
    """Takes a browser that is signed in at SERVER1 to its page of notes."""
    browser1.sign_in()
    browser2 = notes_app.test_client()

    def hand_off():
        url = f"{notes_visitor.BASE_URL}/sso/login?target_link_uri=/notes"
        for client in (browser2, browser1.client, browser2):
            answer = client.get(url)
            assert answer.status_code == 303
            url = answer.location
        page = browser2.get(url, base_url=notes_visitor.BASE_URL)
        assert (urlsplit(url).path, page.status_code) == ("/notes", 200)

    return hand_off


@pytest.fixture
def counter(accounts, notes_app, hand_off, clock):
    """Has counted one handoff, after all that is done once was done."""
    counter = Counter()
    with counter.watching(accounts.app), counter.watching(notes_app):
        for _ in range(2):
            hand_off()
            clock.tick(seconds=10)  # three within seconds are looked at as a loop may be
        counter.transactions = counter.statements = 0
        with undisturbed():
            hand_off()
    print(f"{sum(counter.calls.values())} calls: {counter.calls}")  # noqa: T201
    print(  # noqa: T201 - the figures are what one looks for
        f"{counter.transactions} transactions, {counter.statements} statements, "
        f"{counter.key_loads} loads of private keys"
    )
    return counter


@contextmanager
def undisturbed():
    """Keep out pytest's log handlers and streams, and what garbage collection calls."""
    root = logging.getLogger()
    handlers = [*root.handlers]
    root.handlers.clear()
    gc.disable()
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        gc.enable()
        root.handlers.extend(handlers)


@CALLS_ARE_KNOWN
def test_a_handoff_takes_no_more_calls_than_before(counter):
    assert len(counter.calls) == 4
    assert sum(counter.calls.values()) <= MOST_CALLS


def test_a_handoff_takes_no_more_transactions_than_before(counter):
    assert 0 < counter.transactions <= MOST_TRANSACTIONS


def test_a_handoff_takes_no_more_statements_than_before(counter):
    assert 0 < counter.statements <= MOST_STATEMENTS


def test_a_handoff_loads_no_private_key(counter, server1_keys):
    assert counter.key_loads == 0
    with counter.counting("a load"):
        KeyRing.open(server1_keys)
    assert counter.key_loads == 1
