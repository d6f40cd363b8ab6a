import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

CHECKOUT = Path(__file__).parents[2]
SENDING = {"requests", "urllib3", "flask_handoff.bounded_http"}


def loaded_by(statements):
    # A process of its own: this one has imported everything.
    script = f"{statements}\nimport json, sys; print(json.dumps(list(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(answer.stdout))


def test_importing_the_library_loads_nothing_that_sends():
    loaded = loaded_by("import flask_handoff")
    assert "flask_handoff.receiver" in loaded
    assert not loaded & (SENDING | {"sqlalchemy"})


@pytest.mark.parametrize("server", ["server1", "server2"])
def test_importing_a_server_leaves_what_few_processes_need(server):
    if find_spec("granian") is None:
        pytest.skip("what the servers run on is not installed")
    loaded = loaded_by(f"import {server}")
    assert "sqlalchemy" in loaded
    assert not loaded & {
        *SENDING,
        "dotenv",
        "flask_service.hops.recorder",
        "smtplib",
        "psycopg",
        "sqlalchemy.dialects.postgresql",
        "zxcvbn",
        "alembic",
        "email_validator",
        "granian",
    }


def test_a_client_of_keys_loads_what_sends_before_its_thread():
    # A fork amid an import in another thread hangs the child at the same import, for good.
    statements = "import flask_handoff; flask_handoff.JWKSClient('https://issuer.example/jwks')"
    assert loaded_by(statements) >= SENDING
