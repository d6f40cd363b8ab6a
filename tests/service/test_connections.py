"""How many connections a process opens, and what waits for one."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import MetaData, make_url, text
from sqlalchemy.exc import OperationalError, TimeoutError

from flask_service.database import Database
from flask_service.database.schema import Schema
from tests.conftest import run_sql

SHORT = timedelta(milliseconds=50)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{tmp_path / 'small.sqlite3'}"


@pytest.fixture
def opened(tmp_path):
    """Opens the database of a URL."""
    databases = []

    def opened(url, **options):
        databases.append(Database(make_url(url), Schema(MetaData(), tmp_path, "small"), **options))
        return databases[-1]

    yield opened
    for database in databases:
        database.close()


@pytest.fixture
def limited_url(postgresql_url):
    """The database's URL for a user that may have three connections."""
    user = f"limited_{secrets.token_hex(8)}"
    run_sql(postgresql_url, f"CREATE ROLE {user} LOGIN CONNECTION LIMIT 3")
    yield make_url(postgresql_url).set(username=user)
    run_sql(postgresql_url, f"DROP ROLE {user}")


def use_at_once(database, number):
    """Use as many connections at once as one may; return how many are open then."""
    started = threading.Barrier(number)

    def use(_number):
        started.wait()
        for _ in range(5):
            with database.reading() as connection:
                assert connection.scalar(text("SELECT 1")) == 1

    with ThreadPoolExecutor(number) as threads:
        assert len([*threads.map(use, range(number))]) == number
    return database.engine.pool.checkedout()


def test_no_more_connections_are_opened_than_asked_for(url, opened):
    assert use_at_once(opened(url, pool=2), 12) <= 2


def test_who_waited_too_long_for_a_connection_is_told(url, opened):
    database = opened(url, pool=1, timeout=SHORT)

    def use():
        with database.reading() as connection:
            connection.scalar(text("SELECT 1"))

    with ThreadPoolExecutor(1) as threads:
        with database.reading(), pytest.raises(TimeoutError, match="free in time"):
            threads.submit(use).result()
        threads.submit(use).result()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_one_connection_is_enough_for_a_server(server, url):
    app = server.build(DATABASE_URL=url, DATABASE_POOL="1")
    assert server.get(app, "/readyz").status_code == 200


def test_a_connection_that_failed_makes_room_for_another(url, opened):
    database = opened(url, pool=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), database.writing():
            raise ZeroDivisionError
    assert use_at_once(database, 3) <= 1


def test_at_the_databases_limit_requests_wait_for_one_another(limited_url, opened):
    assert use_at_once(opened(limited_url), 12) <= 3


def test_at_a_limit_that_others_have_reached_it_is_told(limited_url, opened):
    with closing(opened(limited_url)) as others:
        barrier = threading.Barrier(4)

        def hold(_number):
            with others.reading():
                barrier.wait()
                barrier.wait()

        with ThreadPoolExecutor(3) as threads:
            threads.map(hold, range(3))
            barrier.wait()
            mine = opened(limited_url, timeout=SHORT)
            with pytest.raises(OperationalError, match="too many connections"), mine.reading():
                pass
            barrier.wait()
