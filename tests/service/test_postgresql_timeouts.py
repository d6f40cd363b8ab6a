"""A PostgreSQL that hangs: it is up, connections to it stand, and nothing comes back."""

from datetime import timedelta

import pytest
from sqlalchemy import MetaData, make_url, select
from sqlalchemy.exc import OperationalError

from flask_service.database import Database
from flask_service.database.postgresql_timeouts import (
    ANSWER_TIMEOUT,
    PING_TIMEOUT,
    set_answer_timeout,
)
from flask_service.database.schema import Schema
from tests.stopwatch import keeps

SHORT = timedelta(seconds=0.2)


@pytest.fixture
def database(postgresql_url, tmp_path):
    opened = Database(make_url(postgresql_url), Schema(MetaData(), tmp_path, "small"))
    yield opened
    opened.close()


def hang(connection):
    # As a server that hangs, this one keeps no limit of its own.
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SELECT pg_sleep(60)")


def test_a_server_that_hangs_is_given_up_and_asked_anew(database):
    def ask():
        with pytest.raises(OperationalError), database.reading() as connection:
            set_answer_timeout(connection, SHORT)
            hang(connection)

    keeps(SHORT, ask)
    with database.reading() as connection:
        assert connection.scalar(select(1)) == 1


def test_a_request_waits_longer_than_the_servers_own_limits(database):
    with database.reading() as connection:
        driver = connection.connection.driver_connection
        assert driver.timeout == ANSWER_TIMEOUT
        assert connection.scalar(select(1)) == 1
    assert driver.timeout == PING_TIMEOUT
    assert timedelta(seconds=5) < ANSWER_TIMEOUT < timedelta(seconds=10)


def test_a_connection_that_waited_longer_once_does_not_stay_so(database):
    with database.reading() as connection:
        set_answer_timeout(connection, timedelta(minutes=10))
        driver = connection.connection.driver_connection
        assert driver.timeout == timedelta(minutes=10)
    assert driver.timeout == PING_TIMEOUT
    with database.reading() as connection:
        assert connection.connection.driver_connection is driver
        assert driver.timeout == ANSWER_TIMEOUT
