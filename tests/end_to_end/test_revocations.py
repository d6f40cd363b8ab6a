"""Access tokens that SERVER1 takes back, at two processes of SERVER2, and at one that asks it."""

import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
import requests

from flask_handoff import KeyRing, Revocation, TokenMinter
from flask_handoff.api.revocation.copy import REFRESH_AFTER
from tests.end_to_end.conftest import watched_pair
from tests.end_to_end.journey import PATIENCE
from tests.pair import running
from tests.stopwatch import keeps

pytestmark = pytest.mark.processes

PROMISED = timedelta(seconds=1)  # from a revocation at SERVER1 until the last process refuses


class Issuer:
    """Signs as SERVER1 does: by its keys, in its name."""

    def __init__(self, server1):
        keys = Path(server1.environment["HANDOFF_KEYS_DIRECTORY"])
        self._minter = TokenMinter(issuer=server1.base_url, key_ring=KeyRing.open(keys))

    def token(self, server, subject, client_id="reader"):
        return self._minter.mint_access(
            subject=subject,
            client_id=client_id,
            audience=server.base_url,
            scope=frozenset({"notes:read"}),
            session_id=None,
            jwt_id=secrets.token_urlsafe(32),
        )

    def notify(self, server, **named):
        now = datetime.now(UTC).replace(microsecond=0)
        revocation = Revocation(**named, valid_after=now + timedelta(seconds=1))
        return requests.post(
            f"{server.address}/sso/revocations",
            data=self._minter.mint_revocation(audience="server2", revocation=revocation),
            headers={"Host": server.host, "Content-Type": "application/secevent+jwt"},
            timeout=PATIENCE,
        ).status_code


def jwt_id_of(token):
    return jwt.decode(token, options={"verify_signature": False})["jti"]


def ask(server, token):
    return requests.get(
        f"{server.address}/api/notes",
        headers={"Host": server.host, "Authorization": f"Bearer {token}"},
        timeout=PATIENCE,
    ).status_code


@pytest.fixture(scope="module")
def issuer(query_pair):
    return Issuer(query_pair.server1)


@pytest.fixture(scope="module")
def processes(query_pair):
    replica = query_pair.replica()
    with running(replica):
        yield [query_pair.server2, replica]


def await_refusals(processes, token):
    alive, given_up_at = list(processes), time.monotonic() + PATIENCE
    while alive:
        alive = [process for process in alive if ask(process, token) == 200]
        assert time.monotonic() < given_up_at
    assert [ask(process, token) for process in processes] == [401, 401]


def test_half_a_second_after_a_notice_every_process_refuses(issuer, processes):
    def revoke():
        subject = secrets.token_urlsafe(16)
        token = issuer.token(processes[0], subject)
        assert [ask(process, token) for process in processes] == [200, 200]
        assert issuer.notify(processes[0], subject=subject) == 202
        await_refusals(processes, token)

    keeps(REFRESH_AFTER, revoke, least=0)


def test_a_second_after_a_revocation_every_process_refuses(issuer, processes, operator):
    def revoke():
        token = issuer.token(processes[0], "somebody else")
        assert [ask(process, token) for process in processes] == [200, 200]
        operator("revoke", "--token-id", jwt_id_of(token))
        await_refusals(processes, token)

    keeps(PROMISED, revoke, least=0)


def test_a_process_that_is_killed_forgets_no_revocation(issuer, processes):
    _, replica = processes
    token = issuer.token(replica, "somebody")
    assert issuer.notify(replica, subject="somebody") == 202
    replica.kill()
    replica.start()
    assert ask(replica, token) == 401


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    """The pair, of which SERVER2 asks SERVER1 about each token by a key of its own."""
    folder = tmp_path_factory.mktemp("allowlist")
    with watched_pair(folder, server1={"HANDOFF_CLIENTS": "[]"}) as pair:
        url, server2 = pair.server2.base_url, pair.server2
        pair.server1.flask(
            *("clients", "add", "Notes", "--kind", "receiver", "--client-id", "server2"),
            *("--redirect-uri", f"{url}/sso/callback", "--initiate-login-uri", f"{url}/sso/login"),
            *("--resource", url, "--scope", "notes:read", "--key-file", "server2.json"),
        )
        server2.environment = {
            **server2.environment,
            "HANDOFF_REVOCATION": "allowlist",
            "HANDOFF_SERVICE_KEY_FILE": str(pair.server1.folder / "server2.json"),
        }
        server2.restart()
        yield pair


def of_a_service(server1):
    """A token that SERVER1 has issued to a service."""
    server1.flask(
        *("clients", "add", "Nightly report", "--service", "--client-id", "report"),
        *("--scope", "notes:read", "--key-file", "report.json"),
    )
    service = json.loads((server1.folder / "report.json").read_text())
    claims = {
        **{"iss": "report", "sub": "report", "aud": service["issuer"]},
        **{"jti": secrets.token_urlsafe(32), "exp": int(time.time()) + 60},
    }
    form = {
        "grant_type": "client_credentials",
        "scope": "notes:read",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(
            claims, service["private_key"], "RS256", headers={"kid": service["key_id"]}
        ),
    }
    return requests.post(service["token_uri"], data=form, timeout=PATIENCE).json()["access_token"]


def test_an_allowlist_lets_in_what_server1_calls_active(asking):
    server1, server2 = asking.server1, asking.server2
    issuer, token = Issuer(server1), of_a_service(server1)
    assert ask(server2, token) == 200
    stranger = issuer.token(server2, "stranger", "stranger")
    assert ask(server2, stranger) == 401
    assert "the issuer does not call it active" in server2.log
    server1.stop()
    assert [ask(server2, each) for each in (token, stranger)] == [200, 503]
    assert issuer.notify(server2, client_id="report") == 202
    given_up_at = time.monotonic() + PATIENCE
    while ask(server2, token) == 200:
        assert time.monotonic() < given_up_at
