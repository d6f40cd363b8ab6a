"""A user who has to do something on a page of SERVER1 before they may enter a client."""

from contextlib import contextmanager

import pytest

from flask_handoff import InteractionRequiredError
from tests.minimal_pair import CALLBACK, CLIENT, ISSUER, Browser, query_of

TARGET = "/notes?page=2"
ASKED = {
    "client_id": "notes",
    "redirect_uri": CALLBACK,
    "response_type": "id_token",
    "response_mode": "query",
    "scope": "openid",
    "state": "s" * 43,
    "nonce": "a-nonce",
    "target_link_uri": TARGET,
}


@pytest.fixture
def transactions():
    """How each of SERVER1's transactions ended: with what was raised in it, or None."""
    return []


@pytest.fixture
def issuer(build_issuer, transactions):
    @contextmanager
    def transaction():
        try:
            yield
        except Exception as error:
            transactions.append(error)
            raise
        transactions.append(None)

    app = build_issuer(transaction=transaction)
    handoff, hooks = app.extensions["handoff"], app.extensions["hooks"]
    hooks.denies = InteractionRequiredError("confirm", "the address is not confirmed")

    @app.route("/confirm", methods=["GET", "POST"])
    def confirm():
        hooks.denies = None
        return {
            "waits": handoff.pending_client() is not None,
            "goes_on": handoff.after_sign_in(default="/"),
            "destination": [each and str(each) for each in (handoff.destination() or ())][1:],
        }

    return app


@pytest.fixture
def browser(issuer, receiver):
    browser = Browser(issuer, receiver)
    browser.sign_in()
    return browser


def ask(browser, **changed):
    return browser.get(f"{ISSUER}/authorize", query_string={**ASKED, **changed})


def test_who_has_to_do_something_first_does_it_and_arrives(browser, transactions):
    stopped = ask(browser)
    assert stopped.status_code == 303
    assert stopped.location.startswith("/confirm?continue=")
    assert isinstance(transactions[-1], InteractionRequiredError)  # so nothing was granted
    page = browser.get(ISSUER + stopped.location).json
    assert page["waits"]
    assert "id_token" in query_of(browser.get(ISSUER + page["goes_on"]).location)


def test_a_client_that_forbids_questions_is_told(browser, heard_at_issuer):
    assert query_of(ask(browser, prompt="none").location)["error"] == "interaction_required"
    assert heard_at_issuer.errors() == ["interaction_required"]


def test_where_somebody_was_going_outlives_the_request(browser, clock):
    stopped = ask(browser)
    clock.tick(hours=9)
    page = browser.get(ISSUER + stopped.location).json
    assert page["destination"] == [TARGET]
    assert not page["waits"]


@pytest.mark.parametrize("carried", [{}, {"continue": "forged"}, {"continue": ["a", "b"]}])
def test_nobody_goes_where_no_client_has_led_them(browser, carried):
    assert browser.get(f"{ISSUER}/confirm", query_string=carried).json["destination"] == []


def test_nobody_goes_to_a_client_that_is_gone(browser, build_issuer, receiver):
    stopped = ask(browser)
    other = build_issuer(HANDOFF_CLIENTS=[{**CLIENT, "client_id": "another"}])
    with other.test_request_context(stopped.location):
        assert other.extensions["handoff"].destination() is None
