"""A service: an operator registers it, and its program calls SERVER2's API for itself."""

import json
import os
import re
import runpy
import subprocess
import sys
import time
import uuid
from pathlib import Path

import jwt
import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from tests.documents import CHECKOUT, DOCS
from tests.end_to_end.journey import PATIENCE
from tests.end_to_end.test_notes_cli import answers_else

EXAMPLE = CHECKOUT / "examples" / "service_client.py"


@pytest.fixture(scope="session")
def key_file(query_pair):
    """What ``clients add --service`` wrote, in the directory where the operator typed it."""
    query_pair.server1.flask(
        *("clients", "add", "Nightly report", "--service", "--client-id", "report"),
        *("--scope", "notes:read", "--scope", "notes:write", "--key-file", "report.json"),
    )
    return Path(query_pair.server1.folder) / "report.json"


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """The function that docs/integrate.md shows, as people copy it."""
    text = (DOCS / "integrate.md").read_text()
    [code] = re.findall(r"```python\n(import json\n.*?def access_token.*?)```", text, re.DOTALL)
    program = tmp_path_factory.mktemp("service") / "service.py"
    program.write_text(code)
    return runpy.run_path(str(program))["access_token"]


def ask(url, token, method="GET", **options):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, url, headers=headers, timeout=PATIENCE, **options)


def test_a_service_has_notes_of_its_own(pair, browser, key_file, documented):
    notes = f"{pair.server2.base_url}/api/notes"
    browser.sign_in(pair.password)
    browser.arrive("/notes")
    token = documented(key_file, "notes:read notes:write")
    assert ask(notes, token).json()["notes"] == []
    added = ask(notes, token, "POST", json={"text": "From a service."})
    assert added.status_code == 201
    assert ask(notes, documented(key_file, "notes:read")).json()["notes"] == [added.json()]
    assert "From a service." not in browser.arrive("/notes").text
    refused = ask(notes, documented(key_file, "notes:read"), "POST", json={"text": "x"})
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")


def test_its_token_is_for_no_user_and_good_in_one_place(pair, key_file, documented):
    token = documented(key_file, "notes:read")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["client_id"]) == ("report", "report")
    refused = ask(f"{pair.server1.base_url}/userinfo", token)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")


def test_authlib_gets_in_with_the_issuer_and_a_minute(pair, key_file, monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    service = json.loads(key_file.read_text())

    def fetch(audience, **claims):
        session = OAuth2Session(
            service["client_id"],
            service["private_key"],
            token_endpoint_auth_method="private_key_jwt",
        )
        session.register_client_auth_method(PrivateKeyJWT(audience, claims=claims))
        with session:
            return session.fetch_token(
                service["token_uri"],
                grant_type="client_credentials",
                scope="notes:read",
                timeout=PATIENCE,
            )

    soon = {"exp": int(time.time()) + 60}
    assert fetch(service["issuer"], **soon)["scope"] == "notes:read"
    for audience, claims, check in (
        (service["issuer"], {}, "lifetime"),
        (service["token_uri"], soon, "audience"),
    ):
        with pytest.raises(OAuthError, match="invalid_client"):
            fetch(audience, **claims)
        assert f"client_assertion of report, check {check}" in pair.server1.log


def test_what_it_signs_is_good_once_at_all_workers(pair, key_file):
    service = json.loads(key_file.read_text())
    name, now = service["client_id"], int(time.time())
    claims = {"iss": name, "sub": name, "aud": service["issuer"], "exp": now + 60}
    signed = jwt.encode(
        {**claims, "jti": str(uuid.uuid4())},
        service["private_key"],
        algorithm="RS256",
        headers={"kid": service["key_id"]},
    )
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": signed,
    }
    answers = [requests.post(service["token_uri"], data=form, timeout=PATIENCE) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, *[401] * 5]
    assert {answer.json()["error"] for answer in answers[1:]} == {"invalid_client"}
    assert "check one_use" in pair.server1.log
    bearer = ask(f"{pair.server2.base_url}/api/notes", signed)
    assert (bearer.status_code, bearer.json()["error"]) == (401, "invalid_token")


@pytest.fixture(scope="session")
def examples_key_file(query_pair):
    """That of another service, which the example acts for."""
    query_pair.server1.flask(
        *("clients", "add", "Example", "--service", "--client-id", "example"),
        *("--scope", "notes:read", "--scope", "notes:write"),
    )
    return Path(query_pair.server1.folder) / "example.json"


def run_example(key_file, pair, *command, stdout=subprocess.PIPE, **settings):
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, key_file, *command],
        env={"PATH": os.environ["PATH"], "NOTES_API": pair.server2.base_url, **settings},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def tokens_of(pair):
    return pair.server1.log.count(" POST /token ")


def test_the_example_writes_and_reads_with_one_token(pair, examples_key_file):
    before = tokens_of(pair)
    done = run_example(examples_key_file, pair, "add", "The first.", "The second.")
    assert (done.returncode, done.stderr) == (0, "")
    newest = done.stdout.splitlines()[:2]  # another test may have written before
    assert [line[12:] for line in newest] == ["The second.", "The first."]
    assert tokens_of(pair) == before + 1


def test_the_example_gets_the_next_token_before_one_expires(pair, examples_key_file):
    client, now = runpy.run_path(str(EXAMPLE))["ServiceClient"], 0
    service = client(
        json.loads(examples_key_file.read_text()), pair.server2.base_url, clock=lambda: now
    )
    before = tokens_of(pair)
    for now, tokens in ((0, 1), (569, 1), (570, 2), (1139, 2)):  # noqa: B007 - the clock's
        service.request("GET", "/api/notes")
        assert tokens_of(pair) == before + tokens


def test_the_example_goes_on_where_its_token_is_revoked(pair, examples_key_file):
    client = runpy.run_path(str(EXAMPLE))["ServiceClient"]
    service = client(json.loads(examples_key_file.read_text()), pair.server2.base_url)
    service.request("GET", "/api/notes")
    service._access_token = "revoked"
    before = tokens_of(pair)
    service.request("GET", "/api/notes")
    assert tokens_of(pair) == before + 1


def test_the_example_says_in_one_line_why_it_is_refused(pair, examples_key_file, tmp_path):
    other = json.loads(examples_key_file.read_text()) | {"client_id": "another"}
    changed = tmp_path / "another.json"
    changed.write_text(json.dumps(other))
    done = run_example(changed, pair, "list")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "invalid_client" in done.stderr


def test_the_example_keeps_whatever_a_note_may_hold(pair, examples_key_file):
    longest = "\U0001f4dd" * 2000
    done = run_example(
        examples_key_file, pair, "add", longest, NOTES_API=pair.server2.base_url + "/"
    )
    assert done.stdout.splitlines()[0].endswith(longest)
    for command in (("list", longest), ("add",)):  # nor anything by mistake
        assert "'add' takes texts" in run_example(examples_key_file, pair, *command).stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux's")
def test_the_example_says_in_one_line_that_nobody_can_read_it(pair, examples_key_file):
    with open("/dev/full", "w") as full:
        done = run_example(examples_key_file, pair, "add", "x", stdout=full)
    assert (done.returncode, done.stderr) == (1, "OSError: [Errno 28] No space left on device\n")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[]",
        b'{"access_token": "a\\r\\nX-Other: b", "expires_in": 600}',
        b'{"access_token": "\xc3\xa9\xe6\x97\xa5", "expires_in": 600}',
        b'{"access_token": "a", "expires_in": 600, "notes": 5}',
        b'{"access_token": "a", "expires_in": 600, "notes": [' + b" " * 2_000_000 + b"]}",
    ],
    ids=["nested", "a list", "lines", "no ASCII", "no notes", "long"],
)
def test_the_example_says_in_one_line_what_is_no_answer(pair, examples_key_file, body):
    with answers_else(body) as by_proxy:
        done = run_example(examples_key_file, pair, "list", **by_proxy)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (1, 1, "")


@pytest.mark.parametrize("text", ["[]", "{}", "5", "\x00"])
def test_the_example_says_in_one_line_what_is_no_key(pair, tmp_path, text):
    (tmp_path / "key.json").write_text(text)
    done = run_example(tmp_path / "key.json", pair, "list")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_no_note_of_a_service_commands_the_terminal(pair, examples_key_file):
    note = {"created_at": "\x1b[2J", "text": "\x1b[31m\u202eHi\ud800"}
    given = {"access_token": "a", "expires_in": 600, "notes": [note], "next": None}
    with answers_else(json.dumps(given).encode()) as by_proxy:
        done = run_example(examples_key_file, pair, "list", **by_proxy)
    assert done.stdout.split() == ["[2J", "[31m", "Hi"]


def test_the_example_says_that_there_are_more_notes(pair, examples_key_file):
    given = {"access_token": "a", "expires_in": 600, "notes": [], "next": "http://elsewhere"}
    with answers_else(json.dumps(given).encode()) as by_proxy:
        done = run_example(examples_key_file, pair, "list", **by_proxy)
    assert (done.returncode, done.stdout[:9]) == (0, "and older")
