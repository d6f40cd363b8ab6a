import os
import shutil
import subprocess
import sys

import pytest
import requests
from sqlalchemy import text

from tests.ports import free_port
from tests.server_process import (
    CHECKOUT,
    PATIENCE,
    starting,
    wait_until_it_answers,
    written_by,
)
from tests.servers.accounts_visitor import CHEAP_HASHES, hidden_fields
from tests.service.schemas import SERVERS, STEP, Server1, connected, described, fill, rows_of
from tests.warm_flask import run_warm_flask

pytestmark = pytest.mark.processes
OTHER_COMMANDS = {
    "server1": [["users", "list"], ["grants", "list"], ["outbox", "list"], ["audit"], ["routes"]],
    "server2": [["routes"]],
}
SHOWN = "Current version: {}\nNewest version:  {}\n"
NEWEST = "The database is at version 9999, the newest.\n"
COLOURS = """
from sqlalchemy import Column, Table
from flask_service.database import Instant
from .db import metadata
colours = Table("colours", metadata, Column("at", Instant, primary_key=True))
"""

ON_BOTH = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def url(request, tmp_path):
    if getattr(request, "param", "sqlite") == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{tmp_path / 'database.sqlite3'}"


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def environment(tmp_path, port, server1_keys, issuer_public_key, url):
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path / "code"),
        "SERVER1_PORT": str(port),
        "SERVER2_PORT": str(port),
        "SERVER1_DATABASE_URL": url,
        "SERVER2_DATABASE_URL": url,
        "HANDOFF_ISSUER": f"http://localhost:{port}",
        "HANDOFF_KEYS_DIRECTORY": str(server1_keys),
        "HANDOFF_PINNED_KEYS": str(issuer_public_key),
        **CHEAP_HASHES,
    }


@pytest.fixture
def run(tmp_path, environment):
    """Runs Python in an empty directory."""
    with starting(environment, tmp_path) as start:
        yield start


@pytest.fixture
def flask(tmp_path, environment, server):
    """Runs a command of the server; returns its status and what it wrote."""

    def run_command(*arguments):
        done = run_warm_flask(
            *("--app", server.name, *arguments), directory=tmp_path, environment=environment
        )
        return done.returncode, done.stdout + done.stderr

    return run_command


@pytest.fixture(params=SERVERS, ids=lambda server: server.name)
def server(request, url, tmp_path):
    """A server, its code copied to where a test may add a step."""
    name = request.param.name
    shutil.copytree(CHECKOUT / name, tmp_path / "code" / name)
    return request.param(url)


@pytest.fixture
def add_step(server, tmp_path):
    """Adds a version to the code of the server, whose step does *body*."""

    def add(body):
        step = STEP.format(before=server.db.SCHEMA.newest, body=body)
        versions = tmp_path / "code" / server.name / "migrations" / "versions"
        (versions / "9999_of_the_tests.py").write_text(step)

    return add


@pytest.fixture
def older(server, add_step):
    """A server whose database has rows, and whose code has one step more."""
    fill(server)
    add_step("pass")
    return server


def upgraded(server):
    return f"Upgraded the database from version {server.db.SCHEMA.newest} to 9999.\n"


@ON_BOTH
def test_a_command_shows_the_version_and_upgrades_it(older, flask):
    assert flask("database", "show") == (0, SHOWN.format(older.db.SCHEMA.newest, "9999"))
    assert flask("database", "upgrade") == (0, upgraded(older))
    assert flask("database", "show") == (0, SHOWN.format("9999", "9999"))
    assert flask("database", "upgrade") == (0, NEWEST)


@ON_BOTH
def test_the_commands_make_a_database_where_there_is_none(server, flask):
    newest = server.db.SCHEMA.newest
    assert flask("database", "show") == (0, SHOWN.format(newest, newest))


def test_an_upgrade_that_fails_is_told_in_one_line(older, add_step, flask):
    add_step('op.execute("SELECT nonsense")')
    assert flask("database", "upgrade") == (
        1,
        "Error: The database could not be brought to version 9999 (a column is missing: "
        "SQLITE_ERROR). It is as it was. Fix that, and try again.\n",
    )
    assert flask("database", "show") == (0, SHOWN.format(older.db.SCHEMA.newest, "9999"))


def test_a_newer_database_is_shown_and_not_touched(server, flask):
    server.open()
    with connected(server.url) as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    newest = server.db.SCHEMA.newest
    assert flask("database", "show") == (0, SHOWN.format("9999", newest))
    assert flask("database", "upgrade") == (
        1,
        f"Error: The database is at version '9999', and this {server.name.upper()} knows none "
        f"after {newest}. Start the newer {server.name.upper()} that it was upgraded for, restore "
        "a backup, or remove a demo's data of an earlier checkout: make clean\n",
    )


@ON_BOTH
def test_upgrades_in_many_processes_do_not_hinder_each_other(older, run):
    processes = [run("flask", "--app", older.name, "database", "upgrade") for _ in range(4)]
    written = [written_by(process) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, written
    assert set(written) <= {upgraded(older), NEWEST}
    assert upgraded(older) in written


@ON_BOTH
def test_outside_of_the_demo_an_older_database_is_refused(older, run):
    before = rows_of(older.url, described(older.url))
    process = run(older.name)
    written = written_by(process)
    assert process.returncode == 1
    assert written.count("\n") == 1
    assert f"then run: flask --app {older.name} database upgrade\n" in written
    assert rows_of(older.url, described(older.url)) == before


def test_other_commands_refuse_an_older_database_in_one_line(older, flask):
    for command in OTHER_COMMANDS[older.name]:
        assert flask(*command) == (
            1,
            f"Error: The database is at version {older.db.SCHEMA.newest}, and this "
            f"{older.name.upper()} needs 9999. Back it up, then run: "
            f"flask --app {older.name} database upgrade\n",
        )


def test_the_commands_are_listed_whatever_the_version(older, flask):
    status, written = flask("--help")
    assert status == 0
    assert "Show the version of the database, or upgrade it." in written


@ON_BOTH
def test_the_demo_upgrades_an_older_database_when_it_starts(older, run, port):
    settings = {f"{older.name.upper()}_DEMO": "1", "SERVER1_WORKERS": "2"}
    process = run(older.name, **settings)
    wait_until_it_answers(process, port)
    assert older.version() == "9999"
    process.terminate()
    assert "upgraded the database to version 9999" in written_by(process)


@ON_BOTH
@pytest.mark.parametrize("server", [Server1], ids=["server1"], indirect=True)
def test_an_account_of_before_signs_in_after_the_upgrade(server, flask, add_step, run, port):
    created = flask("users", "create", "zoe@example.com")[1]
    add_step('op.execute("ALTER TABLE users ADD colour VARCHAR(10)")')
    process = run("server1", SERVER1_DEMO="1")
    wait_until_it_answers(process, port)
    assert server.version() == "9999"
    base_url = f"http://localhost:{port}"
    with requests.Session() as session:
        fields = hidden_fields(session.get(f"{base_url}/login", timeout=PATIENCE).text)
        form = {**fields, "email": "zoe@example.com", "password": created.split()[-1]}
        answer = session.post(f"{base_url}/login", form, timeout=PATIENCE, allow_redirects=False)
        assert answer.status_code == 303
        assert "You are signed in" in session.get(base_url, timeout=PATIENCE).text


@ON_BOTH
def test_data_of_an_earlier_checkout_is_refused_in_one_line(server, flask, run):
    server.open()
    with connected(server.url) as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    process = run(server.name, **{f"{server.name.upper()}_DEMO": "1"})
    written = written_by(process)
    assert process.returncode == 1
    for refusal in (written, *(flask("database", command)[1] for command in ("show", "upgrade"))):
        assert refusal.count("\n") == 1
        assert refusal.endswith("restore a backup, or remove a demo's data: make clean\n")


def test_a_drafted_step_makes_the_table_that_a_module_defines(server, flask, run, tmp_path):
    server.open()
    code = tmp_path / "code"
    (code / server.name / "colours.py").write_text(COLOURS)
    process = run("draft_migration", server.name, "colours", PYTHONPATH=f"{code}:{CHECKOUT}")
    written = written_by(process)
    assert process.returncode == 0, written
    (draft,) = (code / server.name / "migrations" / "versions").glob("*_colours.py")
    number = f"{int(server.db.SCHEMA.newest) + 1:04}"
    assert draft.name == f"{number}_colours.py"
    assert 'sa.Column("at", sa.DateTime(timezone=True)' in draft.read_text().replace("'", '"')
    assert flask("database", "upgrade")[1].endswith(f"to {number}.\n")
    assert "colours" in described(server.url)


def test_a_start_does_not_load_alembic(server, tmp_path, environment):
    code = (
        f"import sys; from {server.name} import create_app; create_app(); "
        "sys.exit(any(name.partition('.')[0] in {'alembic', 'mako'} for name in sys.modules))"
    )
    for _start in ("with an empty database", "with the newest"):
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            timeout=PATIENCE,
            check=True,
        )
