"""Connections to PostgreSQL that are kept between transactions: lost, idle, in use."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import MetaData, create_engine, make_url, text
from sqlalchemy.exc import DatabaseError

from flask_service.database import Database
from flask_service.database.postgresql_transactions import LONGEST_UNASKED
from flask_service.database.schema import Schema
from tests.conftest import run_sql


@pytest.fixture
def database(postgresql_url, tmp_path):
    """A database with two idle connections."""
    run_sql(postgresql_url, "CREATE TABLE things (name text)")
    both_open = threading.Barrier(2)

    def use_both(_number):
        with opened.writing():
            both_open.wait()

    opened = Database(make_url(postgresql_url), Schema(MetaData(), tmp_path, "small"))
    with closing(opened):
        with ThreadPoolExecutor(2) as threads:
            assert len([*threads.map(use_both, range(2))]) == 2
        yield opened


@pytest.fixture
def sent_last(postgresql_url):
    """Asks PostgreSQL what a connection has sent last."""
    engine = create_engine(postgresql_url)
    query = text("SELECT query FROM pg_stat_activity WHERE pid = :pid")

    def sent_last(driver):
        with engine.connect() as connection:
            return connection.scalar(query, {"pid": driver.info.backend_pid})

    yield sent_last
    engine.dispose()


def use(database):
    with database.writing() as connection:
        return connection.connection.driver_connection


def things(database):
    with database.reading() as connection:
        return connection.scalar(text("SELECT count(*) FROM things"))


def end_connections(url):
    # It waits until they are gone.
    run_sql(
        url,
        "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def test_connections_that_postgresql_ended_are_opened_anew(database, postgresql_url):
    assert database.engine.pool.checkedout() == 2
    end_connections(postgresql_url)
    assert things(database) == 0
    assert database.engine.pool.checkedout() == 1  # the other one was given up as well


def test_a_connection_lost_amid_a_transaction_fails_it(database, postgresql_url, caplog):
    with pytest.raises(DatabaseError), database.writing() as connection:
        # By way of the driver, as the statements of a handoff: SQLAlchemy does not know of these.
        connection.connection.driver_connection.execute("INSERT INTO things VALUES ('a')")
        end_connections(postgresql_url)
    assert things(database) == 0
    assert caplog.messages == []  # SQLAlchemy's pool would log that it could not roll back


def test_only_a_connection_that_was_idle_is_asked_first(database, sent_last):
    things(database)
    driver = use(database)
    things(database)
    driver.idle_since += 60  # however slow this machine is, it was idle for less than a second
    assert use(database) is driver  # in a transaction that sends nothing
    assert sent_last(driver) == "COMMIT"
    driver.idle_since -= LONGEST_UNASKED
    assert use(database) is driver
    assert sent_last(driver) == ";"


def test_a_transaction_is_read_committed_whatever_the_default(database, postgresql_url):
    default = f'ALTER DATABASE "{database.url.database}" {{}} default_transaction_isolation'
    run_sql(postgresql_url, default.format("SET") + " = serializable")
    try:
        database.close()
        with database.writing() as connection:
            assert connection.scalar(text("SHOW transaction_isolation")) == "read committed"
    finally:
        run_sql(postgresql_url, default.format("RESET"))
