"""A program of a user's: it signs them in by code and PKCE, and then calls SERVER2's API."""

import base64
import hashlib
import secrets
from urllib.parse import urlencode

import pytest
import requests

from tests.end_to_end.journey import EMAIL, PATIENCE, parameters_of
from tests.jwks_endpoint import eventually
from tests.strangers.browsing import go_until

REDIRECT_URI = "http://127.0.0.1:49152/callback"  # nobody listens: the answer is read on its way
CLIENT_ID = "terminal"
SECONDS = 60  # a notice is there after a fraction of one; a busy machine takes its time


@pytest.fixture(scope="session")
def registered(query_pair):
    query_pair.server1.flask(
        *("clients", "add", "Terminal", "--kind", "native"),
        *("--redirect-uri", "http://127.0.0.1/callback", "--client-id", CLIENT_ID),
    )


@pytest.fixture
def new_token(registered, pair, browser):
    """Gets an access token for the user, in a browser and at /token."""

    def sign_in(scope):
        verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": scope,
            "state": secrets.token_urlsafe(16),
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        page = browser.get(f"{pair.server1.base_url}/authorize?{urlencode(asked)}")
        returned = parameters_of(go_until(browser, page, REDIRECT_URI))
        assert returned["state"] == asked["state"]
        body = {
            "grant_type": "authorization_code",
            "code": returned["code"],
            "redirect_uri": REDIRECT_URI,
            "client_id": CLIENT_ID,
            "code_verifier": verifier,
        }
        answer = requests.post(f"{pair.server1.base_url}/token", data=body, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    return sign_in


def ask(url, token, method="GET", **options):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, url, headers=headers, timeout=PATIENCE, **options)


def test_a_program_reads_and_writes_the_notes_of_its_user(pair, browser, new_token):
    notes = f"{pair.server2.base_url}/api/notes"
    token = new_token("notes:read notes:write")
    added = ask(notes, token, "POST", json={"text": "From a terminal, \u00e0 bient\u00f4t."})
    assert added.status_code == 201
    listed = ask(notes, token)
    assert added.json() in listed.json()["notes"]
    assert (listed.headers["Cache-Control"], listed.cookies.get_dict()) == ("no-store", {})
    assert "From a terminal, \u00e0 bient\u00f4t." in browser.arrive("/notes").text
    assert ask(added.headers["Location"], token, "DELETE").status_code == 204
    assert ask(added.headers["Location"], token).status_code == 404


def test_a_program_that_may_read_cannot_write(pair, new_token):
    notes = f"{pair.server2.base_url}/api/notes"
    token = new_token("notes:read")
    assert ask(notes, token).status_code == 200
    refused = ask(notes, token, "POST", json={"text": "forged"})
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")


def test_a_token_for_one_place_is_refused_at_the_other(pair, new_token):
    notes = f"{pair.server2.base_url}/api/notes"
    userinfo = f"{pair.server1.base_url}/userinfo"
    for scope, here, elsewhere in [("notes:read", notes, userinfo), ("openid", userinfo, notes)]:
        token = new_token(scope)
        assert ask(here, token).status_code == 200
        refused = ask(elsewhere, token)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
        assert "check=audience" in (pair.server2.log if elsewhere == notes else pair.server1.log)


@pytest.mark.parametrize("whose", [("--user", EMAIL), ("--client", CLIENT_ID), ("--all",)])
def test_what_an_operator_takes_back_the_api_refuses(new_token, operator, pair, browser, whose):
    url = f"{pair.server2.base_url}/api/notes"
    browser.sign_in(pair.password)
    token = new_token("openid notes:read")
    assert ask(url, token).status_code == 200
    assert "at services at the latest at" in operator("revoke", *whose)
    eventually(lambda: ask(url, token).status_code == 401, within=SECONDS)
    browser.sign_in(pair.password)
    assert ask(url, new_token("openid notes:read")).status_code == 200
