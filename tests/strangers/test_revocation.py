"""Other people's libraries give tokens back at SERVER1, and ask about some."""

import pytest

from tests.strangers.browsing import go_until
from tests.strangers.conftest import command_of, register
from tests.strangers.processes import Stranger, run_program

FILES = "https://files.example"
SCOPE = "files:read"


@pytest.fixture(scope="session")
def key_file(server1, tmp_path_factory):
    """The key of an API that SERVER1 knows, and whose tokens the program gets."""
    path = tmp_path_factory.mktemp("files") / "files.json"
    server1.flask(
        *("clients", "add", "Files", "--client-id", "files", "--kind", "receiver"),
        *("--resource", FILES, "--scope", SCOPE, "--key-file", str(path)),
    )
    return path


@pytest.fixture
def run_tokens(environments, server1, browser, tmp_path):
    """Runs the program ``tokens.py`` of a stranger, with a user who agrees."""

    def run(folder, **settings):
        stranger = Stranger(
            f"{folder}_tokens", "/callback", folder=folder, registered_as="web", secret=""
        )
        python, script = command_of(environments, stranger)
        register(server1, stranger)

        def browse(address):
            return go_until(browser, browser.get(address), stranger.redirect_uri, agrees=True)

        command = [python, script.with_name("tokens.py")]
        return run_program(command, stranger, server1.base_url, tmp_path, browse, **settings)

    return run


def test_authlib_revokes_and_introspects(run_tokens, key_file):
    assert run_tokens("authlib", KEY_FILE=str(key_file), SCOPE=SCOPE) == {
        "active at first": [True, True],
        "told to the service": FILES,
        "refresh token at the service": False,
        "access token revoked": 200,
        "active then": [False, True],
        "active after a refresh": True,
        "refresh token revoked": 200,
        "active at last": [False],
        "unknown token revoked": 200,
        "refreshed again": "invalid_grant",
    }


def test_requests_oauthlib_revokes_its_tokens(run_tokens):
    assert run_tokens("requests_oauthlib") == {
        "before": 200,
        "revoked": 200,
        "after": 401,
        "refreshed": 200,
        "all revoked": 200,
        "at last": 401,
    }
