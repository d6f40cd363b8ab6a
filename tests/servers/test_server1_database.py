import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import make_url, select, text

from flask_handoff import ConfigurationError
from server1.accounts.users import UserExistsError, users
from server1.db import Database
from server1.parts import install
from tests.servers.accounts_visitor import EMAIL, Visitor, running_accounts


@pytest.fixture
def database(accounts_on):
    return accounts_on.parts.database


@pytest.fixture
def sqlite_file(accounts):
    return accounts.parts.config.database_url.database


def test_what_is_written_stays(database):
    with database.writing() as connection:
        connection.execute(text("UPDATE users SET name = 'Ada L.'"))
    with database.reading() as connection:
        assert connection.execute(text("SELECT name FROM users")).scalar_one() == "Ada L."


def test_a_transaction_that_fails_is_undone(database):
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(text("UPDATE users SET name = 'Ada L.'"))
        _ = 1 / 0
    with database.reading() as connection:
        assert connection.execute(text("SELECT name FROM users")).scalar_one() == "Ada"


@pytest.mark.parametrize("outer", ["reading", "writing"])
@pytest.mark.parametrize("inner", ["reading", "writing"])
def test_a_transaction_within_another_is_refused(database, outer, inner):
    with getattr(database, outer)():
        with pytest.raises(RuntimeError), getattr(database, inner)():
            pass
        with pytest.raises(RuntimeError), getattr(database, inner)():
            pass
    with getattr(database, inner)():
        pass


def test_writers_on_sqlite_wait_for_each_other_before_they_read(accounts, sqlite_file):
    database = Database(make_url(f"sqlite:///{sqlite_file}"), timedelta(minutes=1))

    def add(_number):
        with database.writing() as connection:
            length = connection.execute(text("SELECT length(name) FROM users")).scalar_one()
            connection.execute(text("UPDATE users SET name = name || 'x'"))
        return length

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(add, range(40))) == list(range(3, 43))
    database.close()


def test_sqlite_is_opened_as_it_should_be(accounts):
    with accounts.parts.database.reading() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_the_sqlite_file_is_for_this_user_alone(accounts, tmp_path):
    files = list((tmp_path / "server1").iterdir())
    assert len(files) >= 2
    assert {file.stat().st_mode & 0o077 for file in files} == {0}


def test_a_reader_does_not_wait_for_a_writer(accounts, sqlite_file):
    with accounts.parts.database.writing() as connection:
        connection.execute(text("UPDATE users SET name = 'Ada L.'"))
        other = Database(make_url(f"sqlite:///{sqlite_file}"))
        with other.reading() as reader:
            assert reader.execute(text("SELECT name FROM users")).scalar_one() == "Ada"
        other.close()


def test_servers_that_start_together_make_the_tables_once(tmp_path):
    start = threading.Barrier(6)
    url = make_url(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    assert_opened_together(url, start)


def test_servers_that_start_together_make_the_tables_once_on_postgresql(postgresql_url):
    assert_opened_together(make_url(postgresql_url), threading.Barrier(6))


def assert_opened_together(url, start):
    def open_database(_number):
        start.wait()
        Database.open(url).close()

    with ThreadPoolExecutor(start.parties) as pool:
        list(pool.map(open_database, range(start.parties)))
    database = Database.open(url)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM users")).scalar_one() == 0
    database.close()


def test_a_file_that_is_no_database_refuses_to_start(tmp_path):
    file = tmp_path / "text.sqlite3"
    file.write_text("this is no database, however long it may be " * 100)
    with pytest.raises(ConfigurationError, match="SERVER1_DATABASE_URL"):
        Database.open(make_url(f"sqlite:///{file}"))


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 1, 1, 12, tzinfo=UTC),
        datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
        datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_an_instant_comes_back_as_it_was_aware_and_in_utc(database, instant):
    with database.writing() as connection:
        connection.execute(users.update().values(created_at=instant))
    with database.reading() as connection:
        found = connection.execute(select(users.c.created_at)).scalar_one()
    assert found == instant
    assert found.utcoffset() == timedelta(0)


def test_an_address_has_one_account_however_it_is_written(accounts_on):
    with pytest.raises(UserExistsError):
        accounts_on.create(EMAIL.upper())
    assert accounts_on.find(EMAIL.title()).email == EMAIL


@pytest.mark.parametrize("path", ["/", "/logout", "/readyz", "/authorize"])
def test_a_broken_database_is_answered_503(accounts, browser1, sqlite_file, path):
    browser1.sign_in()
    break_database(sqlite_file)
    answer = browser1.authorize() if path == "/authorize" else browser1.get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "This does not work at the moment" in answer.text


def test_nobody_is_signed_in_by_a_broken_database(accounts, browser1, sqlite_file):
    break_database(sqlite_file)
    answer = browser1.sign_in()
    assert answer.status_code == 503
    assert accounts.app.test_client().get("/healthz", base_url=accounts.issuer).status_code == 200


def test_a_damaged_file_is_answered_503(accounts, browser1, sqlite_file):
    browser1.sign_in()
    accounts.parts.database.close()
    Path(sqlite_file).write_bytes(b"this is no database, however long it may be " * 1000)
    assert browser1.get("/").status_code == 503
    assert browser1.get("/readyz").status_code == 503


def break_database(file):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("DROP TABLE users")
    connection.close()


def test_a_locked_database_is_answered_503_when_something_is_to_be_written(accounts, sqlite_file):
    visitor = Visitor(accounts)
    visitor.sign_in()
    impatient = Database(accounts.parts.config.database_url, timedelta(milliseconds=10))
    install(accounts.app, replace(accounts.parts, database=impatient))
    with locked(sqlite_file):
        assert visitor.is_signed_in
        assert Visitor(accounts).sign_in().status_code == 503
        assert visitor.sign_out().status_code == 503
    assert visitor.sign_out().status_code == 303
    impatient.close()


@contextmanager
def locked(file):
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    yield
    writer.close()


def test_connections_that_postgresql_ended_are_opened_anew(
    accounts_environment, clock, postgresql_url
):
    settings = {**accounts_environment, "SERVER1_DATABASE_URL": postgresql_url}
    with running_accounts(settings, clock) as accounts:
        visitor = Visitor(accounts)
        visitor.sign_in()
        end_other_connections(postgresql_url)
        assert visitor.is_signed_in


def end_other_connections(url):
    database = Database(make_url(url))
    with database.writing() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "  # until it is gone
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    database.close()
