"""Services on other people's libraries: they get access tokens for themselves, without users."""

import json
import subprocess
import threading

import pytest
from werkzeug.serving import make_server

from flask_handoff import AccessTokenVerifier, UnverifiedToken
from flask_handoff.claims import system_clock
from flask_handoff.keys import SigningKey
from flask_handoff.stores import MemoryReplayStore
from tests.minimal_pair import CLIENT, issuer_app
from tests.ports import free_port
from tests.strangers.conftest import command_of
from tests.strangers.processes import PATIENCE, Stranger

API = "http://127.0.0.1:5002"
SERVICES = {name: Stranger(name, "") for name in ("authlib", "requests_oauthlib")}


@pytest.fixture(scope="module")
def key():
    return SigningKey.generate(2048)


@pytest.fixture(scope="module")
def issuer(key_ring, key):
    """An issuer that lets Authlib name the token endpoint as its audience, which it does."""
    service = {"name": "Service", "redirect_uris": [], "response_types": [], "service": True}
    with_key = {
        "client_id": "authlib",
        "public_keys": [key.verification_key.to_jwk()],
        "allow_token_endpoint_audience": True,
    }
    with_secret = {
        "client_id": "requests_oauthlib",
        "secret_hashes": SERVICES["requests_oauthlib"].client["secret_hashes"],
    }
    notes = {**CLIENT, "resource": API, "scopes": ["notes:read"]}
    port = free_port()
    settings = {
        "HANDOFF_ISSUER": f"http://localhost:{port}",
        "HANDOFF_CLIENTS": [notes, service | with_key, service | with_secret],
    }
    app = issuer_app(key_ring, system_clock, replay_store=MemoryReplayStore(), **settings)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield settings["HANDOFF_ISSUER"]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(environments, issuer, key, tmp_path):
    """Runs a service to its end."""

    def run(name, **settings):
        python, app = command_of(environments, SERVICES[name])
        own = {**SERVICES[name].settings(issuer), "CLIENT_KEY": key.to_pem().decode()}
        return subprocess.run(
            [python, app.with_name("service.py")],
            env={**own, **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gets_one_token_after_another(name, run, issuer, key_ring):
    done = run(name)
    assert done.returncode == 0, done.stderr
    verifier = AccessTokenVerifier(issuer=issuer, audience=API, keys=key_ring)
    first, second = (verifier.verify(UnverifiedToken(token)) for token in json.loads(done.stdout))
    assert first.subject == second.subject == name
    assert first.jwt_id != second.jwt_id


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_proves_nothing_gets_no_token(name, run):
    another = SigningKey.generate(2048).to_pem().decode()
    done = run(name, CLIENT_KEY=another, CLIENT_SECRET="another")
    assert done.returncode != 0
    assert "invalid_client" in done.stderr
