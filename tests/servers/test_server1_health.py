import shutil

from flask_service.database import database_of
from server1 import create_app
from server1.config import Config
from tests.servers.accounts_visitor import running_accounts


def test_internal_names_reach_what_machines_ask_for_only(accounts_environment, clock):
    settings = {**accounts_environment, "HANDOFF_INTERNAL_HOSTS": "server1:5001"}
    with running_accounts(settings, clock) as accounts:
        client = accounts.app.test_client()
        inside = "http://server1:5001"
        assert client.get("/.well-known/jwks.json", base_url=inside).status_code == 200
        assert client.get("/login", base_url=inside).status_code == 400


def test_keys_that_cannot_be_read_any_more_are_not_ready(
    accounts_environment, server1_keys, tmp_path, clock
):
    directory = shutil.copytree(server1_keys, tmp_path / "keys")
    settings = {**accounts_environment, "HANDOFF_KEYS_DIRECTORY": str(directory)}
    app = create_app(Config.from_environment(settings), clock=clock)
    (directory / "ring.json").chmod(0o644)
    answer = app.test_client().get("/readyz")
    database_of(app).close()
    assert (answer.status_code, answer.json) == (503, {"database": "ok", "keys": "unavailable"})
