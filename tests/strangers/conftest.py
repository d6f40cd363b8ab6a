import json
import os
import re
from contextlib import ExitStack

import pytest

from tests.end_to_end.journey import Browser
from tests.pair import CHEAP_HASHES, PASSWORD, Server, running
from tests.ports import free_port
from tests.strangers.browsing import go_until
from tests.strangers.environments import Environments, NodeMissingError, UnavailableError
from tests.strangers.processes import Stranger, run_program, serving

REFUSED = "refused"  # no user agrees to it

PROGRAMS = {
    "authlib": Stranger("authlib", "/callback", registered_as="native"),
    "requests_oauthlib": Stranger("requests_oauthlib", "/callback"),
    # Without a secret it authenticates all the same, by HTTP Basic with an empty password.
    "secretless": Stranger("secretless", "/callback", folder="requests_oauthlib", secret=""),
    REFUSED: Stranger(REFUSED, "/callback", folder="requests_oauthlib"),
}
RELYING_PARTIES = {
    "auth_js": Stranger("auth_js", "/auth/callback/accounts", entry="/auth/signin"),
    "express_openid_connect": Stranger("express_openid_connect", "/callback", entry="/login"),
    "flask_dance": Stranger("flask_dance", "/login/accounts/authorized", registered_as="web"),
    "flask_oidc": Stranger("flask_oidc", "/authorize"),
    "mozilla_django_oidc": Stranger("mozilla_django_oidc", "/oidc/callback/"),
}
PAGE_WITH_SCRIPT = Stranger("oidc_client_ts", "/callback", registered_as="browser")
STRANGERS = {**PROGRAMS, **RELYING_PARTIES, PAGE_WITH_SCRIPT.name: PAGE_WITH_SCRIPT}


@pytest.fixture(scope="session")
def environments():
    return Environments()


@pytest.fixture(scope="session")
def server1(tmp_path_factory):
    """SERVER1, which knows all strangers: by its settings, and by its operator's command."""
    folder = tmp_path_factory.mktemp("strangers")
    port = free_port()
    issuer = f"http://localhost:{port}"
    settings = {
        "HANDOFF_ISSUER": issuer,
        "HANDOFF_CLIENTS": json.dumps(
            [stranger.client for stranger in STRANGERS.values() if not stranger.registered_as]
        ),
        "SERVER1_PORT": str(port),
        "SERVER1_INSTANCE": str(folder / "server1"),
        "HANDOFF_KEYS_DIRECTORY": str(folder / "server1" / "keys"),
        "SERVER1_DEMO": "1",
        "DEMO_PASSWORD": PASSWORD,
        **CHEAP_HASHES,
    }
    server = Server("server1", issuer, port, settings, folder / "server1")
    with running(server):
        for stranger in STRANGERS.values():
            if stranger.registered_as:
                register(server, stranger)
        yield server
    assert "Traceback" not in server.log
    secrets = {stranger.secret for stranger in STRANGERS.values()} - {""}
    assert not any(secret in server.log for secret in secrets)


def register(server, stranger):
    """Register a stranger while SERVER1 runs, and configure what the command prints."""
    printed = server.flask(
        *("clients", "add", stranger.name, "--client-id", stranger.name),
        *("--kind", stranger.registered_as, "--redirect-uri", stranger.registered_uri),
    )
    if secret := re.search(r"client_secret +(\S+)", printed):
        stranger.secret = secret[1]


def command_of(environments, stranger):
    """Return the command that runs a stranger; skip, or fail, where it cannot be installed."""
    try:
        return environments.command(stranger.folder)
    except NodeMissingError as error:
        pytest.skip(str(error))
    except UnavailableError as error:
        required = os.environ.get("REQUIRE_PACKAGES") == "1"
        (pytest.fail if required else pytest.skip)(str(error))


@pytest.fixture(scope="module", params=RELYING_PARTIES)
def relying_party(request, environments, server1, tmp_path_factory):
    stranger = RELYING_PARTIES[request.param]
    command = command_of(environments, stranger)
    folder = tmp_path_factory.mktemp(stranger.name)
    with serving(command, stranger, server1.base_url, folder):
        yield stranger


@pytest.fixture
def page_with_script(environments, server1, tmp_path):
    stranger = PAGE_WITH_SCRIPT
    with serving(command_of(environments, stranger), stranger, server1.base_url, tmp_path):
        yield stranger


@pytest.fixture
def run(environments, server1, browser, tmp_path):
    """Runs a program to its end, with a user who goes where it says."""

    def run(name, *, agrees=True, **settings):
        stranger = PROGRAMS[name]

        def browse(address):
            return go_until(browser, browser.get(address), stranger.redirect_uri, agrees=agrees)

        command = command_of(environments, stranger)
        return run_program(command, stranger, server1.base_url, tmp_path, browse, **settings)

    return run


@pytest.fixture
def new_browser(server1):
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Browser(server1.base_url, ""))


@pytest.fixture
def browser(new_browser):
    return new_browser()
