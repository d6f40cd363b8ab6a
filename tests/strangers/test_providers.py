"""Other people's OpenID Providers sign their users in to SERVER2, and out again."""

import json
import re
from contextlib import closing
from urllib.parse import urljoin

import pytest

import server2
from flask_handoff import MemoryReplayStore
from flask_handoff.claims import system_clock
from flask_handoff.commands.check import handoff_check
from flask_handoff.keys import JWKSClient
from flask_handoff.receiver.context import receiver_context
from flask_service.database import database_of
from server2.config import Config
from tests.end_to_end.journey import Browser, fields_of
from tests.flask_command import TWO_STREAMS
from tests.jwks_endpoint import FakeMonotonic
from tests.minimal_pair import receiver_app
from tests.strangers.conftest import command_of
from tests.strangers.processes import Stranger
from tests.strangers.providers import CLIENT_ID, PROVIDERS, Provider, answering, go_on


@pytest.fixture(scope="module", params=PROVIDERS)
def provider(request, environments, tmp_path_factory):
    name, _, default = request.param.partition(" ")
    settings = {} if default else {"REACHES_LOOPBACK": "1"}
    command = command_of(environments, Stranger(name, ""))
    provider = Provider(name, command, tmp_path_factory.mktemp(name), **settings)
    provider.start("first")
    with closing(provider):
        yield provider


@pytest.fixture
def notes(provider, tmp_path):
    """SERVER2, which trusts the provider."""
    environment = {
        **provider.settings,
        "HANDOFF_DEFAULT_SCOPE": "notes:read notes:write",
        "SERVER2_INSTANCE": str(tmp_path / "server2"),
        "SERVER2_PORT": str(provider.service_port),
    }
    app = server2.create_app(Config.from_environment(environment))
    with app.app_context():
        keys = receiver_context().verifier.keys
    assert isinstance(keys, JWKSClient)
    with closing(database_of(app)), closing(keys), answering(app, provider.service_port):
        yield app


@pytest.fixture
def browser(provider):
    with Browser(provider.issuer, provider.service_url) as browser:
        yield browser


def arrive(browser, provider, target="/session", **asked):
    return go_on(browser, browser.begin(target, **asked), provider)


def is_signed_in(browser):
    return browser.get(f"{browser.server2}/session").status_code == 200


def test_a_provider_signs_its_user_in(notes, provider, browser):
    page = arrive(browser, provider)
    assert (page.status_code, page.url) == (200, f"{provider.service_url}/session")
    assert "Ada" in page.text
    assert "ada@example.com" in page.text
    assert provider.issuer in page.text
    assert "notes:write" in page.text  # by HANDOFF_DEFAULT_SCOPE, whatever scope the token names


def test_new_keys_are_followed_while_the_service_runs(provider, browser):
    monotonic, settings = FakeMonotonic(), provider.settings
    uri = settings["HANDOFF_JWKS_URI"]
    with closing(JWKSClient(uri, foreign=True, monotonic=monotonic)) as keys:
        service = receiver_app(keys, MemoryReplayStore(), system_clock, listens=False, **settings)
        with answering(service, provider.service_port):
            assert arrive(browser, provider, "/me").text != "nobody"
            for key in (1, 2):  # a new one, and then another one under its name
                browser.http.cookies.clear()
                provider.start("second", key)
                monotonic.tick(10)  # so that a fetch may begin
                assert arrive(browser, provider, "/me").text != "nobody"
                assert keys.kids == {"second"}


def test_who_has_to_sign_in_again_is_asked(notes, provider, browser):
    arrive(browser, provider)
    asked = browser.follow(browser.begin("/session", prompt="login"))
    assert asked.url.startswith(provider.issuer)
    assert go_on(browser, asked, provider).url == f"{provider.service_url}/session"


NOT_SIGNED_IN_THERE = {
    "authlib_provider": (400, "nothing came, as when the issuer answers in the fragment"),
    "idpyoidc": (200, 'the issuer answered with "login_required"'),
    "oidc_provider": (200, 'the issuer answered with "login_required"'),
}


def test_who_is_not_signed_in_there_is_told(notes, provider, browser, caplog):
    status, logged = NOT_SIGNED_IN_THERE[provider.name]
    page = arrive(browser, provider, prompt="none")
    assert page.url.startswith(f"{provider.service_url}/")
    assert (page.status_code, logged in caplog.text) == (status, True)
    assert not is_signed_in(browser)


REFUSED = {
    # It leaves out the state, by which the service finds the attempt.
    "authlib_provider": (400, 'state: missing, beside the error "access_denied"'),
    "idpyoidc": (403, rf'"access_denied": "They said:\n{("no, " * 99)[:189]}" '),
    "oidc_provider": (403, '"access_denied": "End-User aborted interaction" '),
}


def test_who_refuses_there_is_told(notes, provider, browser, caplog):
    status, logged = REFUSED[provider.name]
    asked = browser.follow(browser.begin())
    if cancel := re.search(r'href="([^"]+/abort)"', asked.text):
        page = browser.follow(browser.get(urljoin(asked.url, cancel[1])))
    else:
        page = go_on(browser, asked, provider, answer="no")
    assert page.url.startswith(f"{provider.service_url}/sso/")
    assert (page.status_code, logged in caplog.text) == (status, True)
    assert "access_denied" not in page.text


def sign_out_everywhere(browser, provider):
    """Sign out as the page of SERVER2 offers it."""
    address = f"{provider.service_url}/logout"
    fields = {**fields_of(browser.get(address)), "where": "everywhere"}
    return go_on(browser, browser.post(address, fields), provider)


def test_who_signs_out_everywhere_is_signed_out_there(notes, provider, browser):
    arrive(browser, provider)
    page = sign_out_everywhere(browser, provider)
    if provider.name == "idpyoidc":  # and so its session goes on
        assert "didn't verify" in page.text
        return
    assert "You are signed out everywhere" in page.text
    assert browser.follow(browser.begin()).url.startswith(provider.issuer), "it asks again"


def sign_out_there(browser, provider):
    end = provider.settings["HANDOFF_END_SESSION_ENDPOINT"]
    return go_on(browser, browser.get(f"{end}?client_id={CLIENT_ID}"), provider)


@pytest.mark.parametrize("provider", ["idpyoidc", "oidc_provider"], indirect=True)
def test_who_signs_out_there_is_signed_out_here(notes, provider, browser):
    arrive(browser, provider)
    assert is_signed_in(browser)
    sign_out_there(browser, provider)
    assert not is_signed_in(browser)


@pytest.mark.parametrize("provider", ["oidc_provider by default"], indirect=True)
def test_by_default_oidc_provider_notifies_nobody_on_loopback(notes, provider, browser):
    arrive(browser, provider)
    sign_out_there(browser, provider)
    assert "special-use IP address" in provider.log
    assert is_signed_in(browser)


def test_the_check_finds_nothing_wrong(notes, provider):
    # That errors come in the fragment.
    warned = {"registration"} if provider.name == "authlib_provider" else set()
    runner = notes.test_cli_runner(**TWO_STREAMS)
    done = runner.invoke(handoff_check, ["--json"], catch_exceptions=False)
    found = json.loads(done.stdout)["findings"]
    assert {each["subject"] for each in found if each["level"] == "warning"} == warned
    assert done.exit_code == 0, done.stdout
