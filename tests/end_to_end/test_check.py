"""``flask handoff-check`` beside the two servers while they run."""

import json

import pytest

import server1
import server2
from flask_handoff.commands.check import handoff_check
from flask_service.database import database_of
from server1.config import Config as Server1Config
from server2.config import Config as Server2Config
from tests.pair import PASSWORD


def check(create_app, config):
    app = create_app(config)
    try:
        done = app.test_cli_runner().invoke(handoff_check, ["--json"], catch_exceptions=False)
    finally:
        database_of(app).close()
    assert PASSWORD not in done.output
    return done.exit_code, json.loads(done.output)["findings"]


@pytest.fixture
def check_server1(query_pair, tmp_path):
    # With a database of its own: in that of the pair are clients of other tests.
    database = {"SERVER1_DATABASE_URL": f"sqlite:///{tmp_path / 'server1.sqlite3'}"}
    environment = {**query_pair.server1.environment, **database}
    return lambda: check(server1.create_app, Server1Config.from_environment(environment))


@pytest.fixture
def check_server2(query_pair):
    def run(**settings):
        environment = {**query_pair.server2.environment, **settings}
        return check(server2.create_app, Server2Config.from_environment(environment))

    return run


def test_of_the_demo_only_what_is_for_a_trial_is_told(check_server1, check_server2):
    for run, expected in (
        (check_server1, {"demo mode"}),
        (check_server2, {"demo mode", "response mode"}),
    ):
        status, found = run()
        assert {each["subject"] for each in found if each["level"] != "ok"} == expected
        assert status == 0


def test_another_name_of_this_machine_is_told_on_the_service(query_pair, check_server2):
    localhost = query_pair.server2.base_url.replace("127.0.0.1", "localhost")
    status, found = check_server2(HANDOFF_BASE_URL=localhost)
    remedies = {each["subject"]: each["remedy"] for each in found if each["level"] == "wrong"}
    assert status == 1
    assert [*remedies] == ["registration", "base URL"]
    assert f"Write HANDOFF_BASE_URL='{query_pair.server2.base_url}'" in remedies["base URL"]
