"""Behind PgBouncer, where the server's connection is another one in each transaction."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import MetaData, make_url, text

from flask_service.database import Database
from flask_service.database.schema import Schema
from tests.conftest import missing, run_sql


@pytest.fixture
def open_database(tmp_path):
    opened = []

    def open_database(url):
        opened.append(Database(make_url(url), Schema(MetaData(), tmp_path, "small")))
        return opened[-1]

    yield open_database
    for database in opened:
        database.close()


@pytest.fixture
def pooled(postgresql_url, open_database):
    pooler = os.environ.get("TEST_PGBOUNCER_URL") or missing(
        "TEST_PGBOUNCER_URL names no PgBouncer"
    )
    url = make_url(pooler).set(database=make_url(postgresql_url).database)
    return open_database(url)


def limits(connection):
    names = ("statement_timeout", "lock_timeout")
    return {connection.scalar(text(f"SHOW {name}")) for name in names}


def test_each_transaction_has_its_limits_and_leaves_none_behind(pooled, postgresql_url):
    for begin in (pooled.reading, pooled.writing, pooled.engine.begin):
        with begin() as connection:
            assert limits(connection) == {"5s"}
    with closing(pooled.engine.raw_connection()) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_statements_that_come_often_are_not_prepared(pooled, postgresql_url):
    run_sql(postgresql_url, "CREATE TABLE things (id int)")
    adding = text("INSERT INTO things VALUES (:id)")

    def add(number):
        with pooled.writing() as connection:
            connection.execute(adding, {"id": number})

    with ThreadPoolExecutor(8) as threads:
        assert len([*threads.map(add, range(200))]) == 200
    with pooled.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM things")) == 200
        assert connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0


def test_without_a_pooler_no_statement_sets_limits(postgresql_url, open_database):
    database = open_database(postgresql_url)
    for begin in (database.reading, database.engine.begin):
        with begin() as connection:
            assert connection.connection.driver_connection.limits == ""
            assert limits(connection) == {"5s"}
