"""What SERVER2's API knows of revocations, by each strategy, when its database is out of reach."""

import json
from datetime import timedelta

import pytest

from flask_handoff import Revocation, TokenMinter
from tests.servers.notes_program import Program, is_problem
from tests.servers.notes_visitor import BASE_URL, ISSUER


@pytest.fixture
def key_file(tmp_path, issuer_key_ring):
    """The key by which SERVER2 would ask SERVER1, where its strategy is an allowlist."""
    pem = issuer_key_ring.signing_key.to_pem().decode()
    document = {"type": "receiver", "issuer": ISSUER, "client_id": "server2", "private_key": pem}
    path = tmp_path / "server2.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return path


@pytest.fixture(params=["valid-after", "blocklist", "allowlist"])
def app(request, build_notes, key_file):
    return build_notes(HANDOFF_REVOCATION=request.param, HANDOFF_SERVICE_KEY_FILE=str(key_file))


def test_without_its_list_no_token_is_good_and_no_notice_is_noted(app, issuer_key_ring, clock):
    program = Program(app, issuer_key_ring, clock)
    with app.extensions["database"].writing() as connection:
        connection.exec_driver_sql("ALTER TABLE handoff_revocations RENAME TO lost")
    refused = program.ask()
    assert is_problem(refused, 503)
    assert refused.headers["Retry-After"] == "5"
    told = app.test_client().post(
        "/sso/revocations",
        base_url=BASE_URL,
        data=TokenMinter(issuer=ISSUER, key_ring=issuer_key_ring, clock=clock).mint_revocation(
            audience="server2",
            revocation=Revocation(subject="ada", valid_after=clock() + timedelta(seconds=1)),
        ),
        content_type="application/secevent+jwt",
    )
    assert (told.status_code, told.headers["Retry-After"]) == (503, "5")
