import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url, text

from flask_handoff import ConfigurationError
from tests.conftest import run_sql
from tests.service.schemas import (
    SERVERS,
    STEP,
    connected,
    described,
    fill,
    rows_of,
)

PARENTS = {"server1": "users", "server2": "accounts"}  # the tables that sessions refer to


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{tmp_path / 'database.sqlite3'}"


@pytest.fixture(params=SERVERS, ids=lambda server: server.name)
def server(request, url):
    return request.param(url)


@pytest.fixture
def filled(server):
    """The server whose tables have rows, each and every one."""
    fill(server)
    return server


@pytest.fixture
def with_step(server, tmp_path):
    """Returns the server's schema with one more step, in which *body* is done."""

    def build(body):
        schema = server.db.SCHEMA
        migrations = tmp_path / "migrations"
        shutil.copytree(schema.migrations, migrations)
        step = STEP.format(before=schema.newest, body=body)
        (migrations / "versions" / "9999_of_the_tests.py").write_text(step)
        return schema._replace(migrations=migrations)

    return build


def differences(server):
    """Return what Alembic would change to make the database what the modules define."""
    with connected(server.url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return compare_metadata(context, server.db.SCHEMA.metadata)


def state(url):
    found = described(url)
    return found, rows_of(url, found)


def test_an_empty_database_gets_the_tables_that_the_modules_define(server):
    server.open()
    assert differences(server) == []
    assert server.version() == server.db.SCHEMA.newest


def test_the_migrations_alone_make_the_same_tables(server, tmp_path):
    schema = server.db.SCHEMA
    server.open()
    made_at_once = described(server.url)
    with connected(server.url) as connection:
        schema.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        command.upgrade(schema.alembic_config(connection), "head")
    assert differences(server) == [], "add a migration: CONTRIBUTING.md says how"
    assert described(server.url) == made_at_once


def test_an_upgrade_keeps_every_row_and_does_its_steps(filled, with_step):
    tables, parent = filled.db.SCHEMA.metadata.tables, PARENTS[filled.name]
    expected = rows_of(filled.url, tables)
    assert all(len(rows) == 2 for rows in expected.values())
    schema = with_step(
        f'op.execute("ALTER TABLE {parent} ADD colour VARCHAR(10)");'  # noqa: S608
        f""" op.execute("UPDATE {parent} SET colour = 'blue'")"""
    )
    filled.open(upgrade=True, schema=schema)
    for row in expected[parent]:
        row["colour"] = "blue"
    assert rows_of(filled.url, tables) == expected
    assert filled.version() == "9999"
    filled.open(schema=schema)


def test_a_step_that_fails_leaves_the_database_as_it_was(filled, with_step):
    server = filled
    before = state(server.url)
    schema = with_step('op.execute("DELETE FROM sessions"); op.execute("SELECT nonsense")')
    with pytest.raises(ConfigurationError, match=r"could not be brought to version 9999 .* as it"):
        server.open(upgrade=True, schema=schema)
    assert state(server.url) == before
    server.open(upgrade=True)


def test_a_wrongly_written_step_leaves_the_database_as_it_was(filled, with_step):
    before = state(filled.url)
    with pytest.raises(ZeroDivisionError):
        filled.open(upgrade=True, schema=with_step("1 / 0"))
    assert state(filled.url) == before


def test_what_a_failed_step_says_quotes_no_row(filled, with_step):
    twice = "INSERT INTO of_a_test VALUES (4711)"
    schema = with_step(f'op.execute("{twice}"); op.execute("{twice}")')
    with pytest.raises(ConfigurationError) as failed:
        filled.open(upgrade=True, schema=schema)
    assert "4711" not in str(failed.value)
    assert "UniqueViolation" in str(failed.value) or "SQLITE_CONSTRAINT" in str(failed.value)


def test_an_upgrade_happens_once_however_many_ask_for_it(filled, with_step):
    assert_upgraded_once(filled, with_step)


def assert_upgraded_once(server, with_step):
    schema = with_step('op.execute("INSERT INTO of_a_test VALUES (1)")')
    start = threading.Barrier(6)

    def ask(_number):
        start.wait()
        server.open(upgrade=True, schema=schema)

    with ThreadPoolExecutor(start.parties) as pool:
        list(pool.map(ask, range(start.parties)))
    assert rows_of(server.url, ["of_a_test"]) == {"of_a_test": [{"id": 1}]}
    assert server.version() == "9999"


def test_what_another_process_made_meanwhile_is_not_upgraded(filled, with_step):
    before = state(filled.url)
    with closing(filled.database(with_step("pass"))) as database:
        version = database.migrate(upgrade=False)
    assert version == filled.db.SCHEMA.newest
    assert state(filled.url) == before


def test_an_older_database_is_refused_with_the_upgrade_command(filled, with_step):
    before = state(filled.url)
    with pytest.raises(ConfigurationError) as refused:
        filled.open(schema=with_step("pass"))
    assert str(refused.value) == (
        f"The database is at version {filled.db.SCHEMA.newest}, and this {filled.name.upper()} "
        "needs 9999. "
        f"Back it up, then run: flask --app {filled.name} database upgrade"
    )
    assert state(filled.url) == before


def assert_refused_and_left_alone(server, match):
    before = state(server.url)
    for upgrade in (False, True):
        with pytest.raises(ConfigurationError, match=match) as refused:
            server.open(upgrade=upgrade)
        assert "make clean" in str(refused.value)
        assert "\n" not in str(refused.value)
    assert state(server.url) == before


def test_a_newer_database_is_refused_and_left_alone(server, with_step):
    server.open(schema=with_step("pass"))
    assert_refused_and_left_alone(server, r"is at version '9999', and this SERVER. knows none")


def test_a_database_of_something_else_is_refused_and_left_alone(server):
    with connected(server.url) as connection:
        connection.execute(text("CREATE TABLE sessions (id INTEGER PRIMARY KEY)"))
    assert_refused_and_left_alone(
        server, r"has tables \(sessions\) but no version: it is not SERVER"
    )


@pytest.mark.parametrize("lost", ["DROP TABLE alembic_version", "DELETE FROM alembic_version"])
def test_tables_without_a_version_are_refused_and_left_alone(filled, lost):
    with connected(filled.url) as connection:
        connection.execute(text(lost))
    assert_refused_and_left_alone(filled, r"has tables \(.*, sessions.*\) but no version")


@pytest.mark.parametrize(
    ("lost", "lacks"),
    [
        ("sessions RENAME TO gone", r"lacks sessions:"),
        ("sessions RENAME COLUMN last_seen_at TO gone", r"lacks sessions\.last_seen_at:"),
    ],
)
def test_a_database_that_lacks_a_part_is_left_alone(filled, lost, lacks):
    with connected(filled.url) as connection:
        connection.execute(text(f"ALTER TABLE {lost}"))
    assert_refused_and_left_alone(filled, lacks)


def test_tables_of_others_in_the_same_database_are_left_alone(server):
    with connected(server.url) as connection:
        connection.execute(text("CREATE TABLE of_somebody_else (id INTEGER PRIMARY KEY)"))
    server.open()
    server.open()
    assert "of_somebody_else" in described(server.url)


def test_a_table_made_anew_keeps_rows_that_refer_to_it(filled, with_step):
    server = filled
    parent = PARENTS[server.name]
    before = rows_of(server.url, ["sessions"])["sessions"]
    assert len(before) == 2
    schema = with_step(
        f'with op.batch_alter_table("{parent}") as batch:'
        ' batch.alter_column("created_at", nullable=True)'
    )
    server.open(upgrade=True, schema=schema)
    after = rows_of(server.url, ["sessions"])["sessions"]
    assert after == before
    assert described(server.url)[parent]["columns"]["created_at"]["nullable"] == "True"


class TestSQLite:
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'database.sqlite3'}"

    def test_a_step_may_not_remove_what_rows_refer_to(self, filled, with_step):
        server = filled
        before = state(server.url)
        parent = PARENTS[server.name]
        schema = with_step(f'op.execute("DELETE FROM {parent}")')  # noqa: S608
        with pytest.raises(ConfigurationError, match="refer to others that are not there"):
            server.open(upgrade=True, schema=schema)
        assert state(server.url) == before

    def test_rows_that_were_lost_long_ago_hinder_no_upgrade(self, filled, with_step):
        server = filled
        parent = PARENTS[server.name]
        with connected(server.url) as connection:
            connection.execute(text(f"DELETE FROM {parent}"))  # noqa: S608
        server.open(upgrade=True, schema=with_step("pass"))
        assert server.version() == "9999"


class TestPostgreSQL:
    @pytest.fixture
    def url(self, postgresql_url):
        """A database in which transactions see the state of their first statement."""
        name = make_url(postgresql_url).database
        setting = f"ALTER DATABASE {name} {{}} default_transaction_isolation"
        run_sql(postgresql_url, f"{setting.format('SET')} = 'repeatable read'")
        yield postgresql_url
        run_sql(postgresql_url, setting.format("RESET"))

    def test_an_upgrade_happens_once_whatever_transactions_see(self, filled, with_step):
        assert_upgraded_once(filled, with_step)
