"""An application that Flask-WTF protects as a whole: the extensions' endpoints go on working."""

import pytest
from flask import Flask

from flask_handoff import HandoffReceiver
from tests.minimal_pair import ISSUER, RECEIVER, Browser, is_signed_in, landed_at

# The lowest versions of what the library needs are tried without it.
CSRFProtect = pytest.importorskip("flask_wtf").CSRFProtect


@pytest.fixture
def init_receiver(key_ring, store, clock):
    """Puts a receiver into an application that is there already."""

    def init(app):
        app.config.update(
            HANDOFF_ISSUER=ISSUER,
            HANDOFF_BASE_URL=RECEIVER,
            HANDOFF_CLIENT_ID="notes",
            SECRET_KEY="of a test",
        )
        receiver = HandoffReceiver(sign_in=lambda arrival: "handle", live_session=lambda: None)
        receiver.init_app(app, replay_store=store, keys=key_ring, clock=clock)

    return init


def test_a_handoff_needs_no_csrf_token(build_issuer, build_receiver):
    apps = build_issuer(), build_receiver(HANDOFF_RESPONSE_MODE="form_post")
    browser = Browser(*apps)
    for app in apps:
        CSRFProtect(app)
    assert browser.sign_in().status_code == 400  # a page of the application
    apps[0].config["WTF_CSRF_CHECK_DEFAULT"] = False  # while somebody signs in
    browser.sign_in()
    apps[0].config["WTF_CSRF_CHECK_DEFAULT"] = True
    assert landed_at(browser.arrive("/notes")) == "/notes"
    assert is_signed_in(browser)


@pytest.mark.parametrize("first", [True, False])
def test_what_is_not_ours_stays_protected(init_receiver, first):
    app = Flask("protected")
    if first:
        CSRFProtect(app)
    init_receiver(app)
    if not first:
        CSRFProtect(app)
    app.add_url_rule("/mine", view_func=lambda: "mine", methods=["POST"])
    client = app.test_client()
    assert client.post("/mine", base_url=RECEIVER).status_code == 400
    assert client.post("/sso/login", base_url=RECEIVER).status_code == 303


def test_another_extension_of_that_name_is_left_alone(init_receiver):
    app = Flask("another")
    app.extensions["csrf"] = object()
    init_receiver(app)
    assert app.test_client().get("/sso/login", base_url=RECEIVER).status_code == 303
