"""A PostgreSQL that hangs: it is up, connections to it stand, and nothing comes back."""

from datetime import timedelta

import pytest
from sqlalchemy import make_url, select
from sqlalchemy.exc import OperationalError

from server1 import db as server1_db
from server1 import impatient_postgresql as of_server1
from server2 import db as server2_db
from server2 import impatient_postgresql as of_server2
from tests.stopwatch import keeps

SHORT = timedelta(seconds=0.3)


@pytest.fixture(params=["server1", "server2"])
def ours(request, postgresql_url):
    """A server's database, and the module that watches its connections."""
    url = make_url(postgresql_url)
    opened: server1_db.Database | server2_db.Database = (
        server1_db.Database(url)
        if request.param == "server1"
        else server2_db.Database(postgresql_url)
    )
    yield opened, {"server1": of_server1, "server2": of_server2}[request.param]
    opened.close()


def hang(connection):
    # As a server that hangs, this one keeps no limit of its own.
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SELECT pg_sleep(60)")


def test_a_server_that_does_not_answer_is_given_up_and_the_next_request_begins_anew(ours):
    database, watch = ours

    def ask():
        with (
            pytest.raises(OperationalError),
            database.reading() as connection,
            watch.patience(connection, SHORT),
        ):
            hang(connection)

    keeps(SHORT, ask)
    with database.reading() as connection:
        assert connection.scalar(select(1)) == 1


def test_a_request_waits_longer_than_the_server_s_own_limits_and_a_ping_does_not(ours):
    database, watch = ours
    with database.reading() as connection:
        driver = connection.connection.driver_connection
        assert driver.patience == watch.ANSWER
        assert connection.scalar(select(1)) == 1
    assert driver.patience == watch.PING
    assert timedelta(seconds=5) < watch.ANSWER < timedelta(seconds=10)


def test_a_connection_that_waited_longer_once_is_as_impatient_as_before(ours):
    database, watch = ours
    with database.reading() as connection:
        with watch.patience(connection, timedelta(minutes=10)):
            assert connection.connection.driver_connection.patience == timedelta(minutes=10)
        assert connection.connection.driver_connection.patience == watch.ANSWER
