"""What follows /sso/finish in a browser: a minimal pair, whose pages lead on elsewhere."""

import threading
from contextlib import ExitStack, contextmanager

import pytest
from flask import redirect, session
from playwright.sync_api import expect
from werkzeug.serving import make_server

from flask_handoff import MemoryReplayStore
from flask_handoff.claims import system_clock
from tests.chromium import PATIENCE
from tests.minimal_pair import CLIENT, issuer_app, receiver_app
from tests.ports import free_port

TALISMAN_S_DEFAULT = "default-src 'self'; object-src 'none'"


@contextmanager
def served(app, port):
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class MinimalPair:
    """SERVER1 and SERVER2 in threads of this process; both may be given one policy for all."""

    def __init__(self, key_ring, serve, policy=None, **settings):
        ports = free_port(), free_port()
        self.issuer, self.receiver = f"http://localhost:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
        client = {**CLIENT, "redirect_uris": [f"{self.receiver}/sso/callback"]}
        issuer = issuer_app(
            key_ring,
            system_clock,
            HANDOFF_ISSUER=self.issuer,
            HANDOFF_CLIENTS=[{**client, "initiate_login_uri": f"{self.receiver}/sso/login"}],
            SESSION_COOKIE_NAME="s1",
        )
        receiver = receiver_app(
            key_ring,
            MemoryReplayStore(),
            system_clock,
            HANDOFF_ISSUER=self.issuer,
            HANDOFF_BASE_URL=self.receiver,
            HANDOFF_RESPONSE_MODE="form_post",
            SESSION_COOKIE_NAME="s2",
            **settings,
        )
        self._add_pages(issuer, receiver)
        for app, port in zip((issuer, receiver), ports, strict=True):
            if policy is not None:
                app.after_request(lambda response: self._with(policy, response))
            serve(app, port)

    def _add_pages(self, issuer, receiver):
        handoff = receiver.extensions["handoff"]

        def is_signed_in():
            return session.get("id") in receiver.extensions["sessions"]

        def file():
            if not is_signed_in():
                return redirect(handoff.login_url("/file"), 303)
            return redirect("/elsewhere", 303)

        issuer.add_url_rule("/start", "start", lambda: f'<a href="{self.receiver}/file">File</a>')
        issuer.add_url_rule("/storage", "storage", lambda: "<h1>The file</h1>")
        receiver.add_url_rule("/file", "file", file)
        receiver.add_url_rule(
            "/elsewhere", "elsewhere", lambda: redirect(f"{self.issuer}/storage", 303)
        )

    @staticmethod
    def _with(policy, response):
        response.headers["Content-Security-Policy"] = policy
        return response


@pytest.fixture
def build_pair(key_ring):
    with ExitStack() as stack:
        yield lambda *policy, **settings: MinimalPair(
            key_ring, lambda *app: stack.enter_context(served(*app)), *policy, **settings
        )


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def open_file(page, pair):
    """Open the link to the file on a page of SERVER1, where somebody is signed in."""
    page.context.request.post(f"{pair.issuer}/login", form={"subject": "ada"}, max_redirects=0)
    page.goto(f"{pair.issuer}/start")
    page.get_by_role("link", name="File").click()


def test_a_target_may_lead_on_to_another_origin_and_back(build_pair, page):
    pair = build_pair()
    open_file(page, pair)
    page.wait_for_url(f"{pair.issuer}/storage")
    page.go_back()
    page.wait_for_url(f"{pair.issuer}/start")


def test_a_policy_that_stops_the_script_leaves_the_button(build_pair, page):
    pair = build_pair(TALISMAN_S_DEFAULT)
    open_file(page, pair)
    for path in ("/authorize?", "/sso/callback"):
        page.wait_for_url(f"**{path}*")
        page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{pair.issuer}/storage")


def test_a_browser_that_keeps_no_session_is_told_so(build_pair, page):
    pair = build_pair(SESSION_COOKIE_DOMAIN="notes.example.com")
    open_file(page, pair)
    expect(page.locator("h1")).to_have_text("Your sign-in was not kept")
    assert page.url.startswith(f"{pair.receiver}/sso/login?")
