import sqlite3
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from flask_service.database import Database
from server1.accounts.users import UserExistsError
from server1.db import SCHEMA
from tests.servers.accounts_visitor import EMAIL, Visitor


@pytest.fixture
def sqlite_file(accounts):
    return accounts.config.database_url.database


def test_an_address_has_one_account_however_it_is_written(accounts_on):
    with pytest.raises(UserExistsError):
        accounts_on.create(EMAIL.upper())
    assert accounts_on.find(EMAIL.title()).email == EMAIL


@pytest.mark.parametrize("path", ["/", "/logout", "/authorize"])
def test_a_broken_database_is_answered_503(accounts, browser1, sqlite_file, path):
    browser1.sign_in()
    break_database(sqlite_file)
    answer = browser1.authorize() if path == "/authorize" else browser1.get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "Not possible right now" in answer.text


def test_nobody_is_signed_in_by_a_broken_database(accounts, browser1, sqlite_file):
    break_database(sqlite_file)
    answer = browser1.sign_in()
    assert answer.status_code == 503
    assert accounts.app.test_client().get("/healthz", base_url=accounts.issuer).status_code == 200


def test_a_damaged_file_is_answered_503(accounts, browser1, sqlite_file):
    browser1.sign_in()
    accounts.database.close()
    Path(sqlite_file).write_bytes(b"this is no database, however long it may be " * 1000)
    assert browser1.get("/").status_code == 503


def break_database(file):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("DROP TABLE users")
    connection.close()


def test_a_locked_database_is_answered_503_when_something_is_to_be_written(accounts, sqlite_file):
    visitor = Visitor(accounts)
    visitor.sign_in()
    [sid] = [row.sid for row in accounts.session_rows()]
    impatient = Database(accounts.config.database_url, SCHEMA, timeout=timedelta(milliseconds=10))
    accounts.install(database=impatient)
    with locked(sqlite_file):
        assert visitor.is_signed_in
        assert Visitor(accounts).sign_in().status_code == 503
        assert visitor.sign_out().status_code == 503
        assert visitor.get(f"/end-session?logout_hint={sid}").status_code == 503
    assert visitor.is_signed_in
    assert visitor.sign_out().status_code == 303
    impatient.close()


@contextmanager
def locked(file):
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    yield
    writer.close()
