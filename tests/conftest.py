import gc
import os
import secrets
from contextlib import contextmanager

import pytest
import sqlalchemy
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, settings

from flask_handoff.keys import KeyRing, new_key
from tests.chromium import chromium, launch  # noqa: F401 - fixtures
from tests.clock import FakeClock
from tests.processes import ProcessGuard

# Two busy cores make an honest example slow now and then, to make or to try: that is no verdict.
settings.register_profile(
    "flask-handoff", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("flask-handoff")
GIVE_UP = "SET lock_timeout = '60s'"  # a test before this one left a transaction open


def pytest_configure(config):
    config.pluginmanager.register(ProcessGuard())


def pytest_addoption(parser):
    parser.addoption("--sample", action="store_true", help="run one case of every third test")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    if config.getoption("--sample"):
        first: dict[str, pytest.Item] = {}
        for item in items:
            first.setdefault(item.nodeid.partition("[")[0], item)
        items[:] = [*first.values()][::3]


def pytest_collection_finish():
    # Thousands of tests are no garbage: the collector need not look through them again and again.
    gc.freeze()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(scope="session")
def key_directory(tmp_path_factory):
    """The directory of a key ring that nobody changes."""
    directory = tmp_path_factory.mktemp("issuer") / "keys"
    new_key(directory)
    return directory


@pytest.fixture(scope="session")
def key_ring(key_directory):
    return KeyRing.open(key_directory)


@pytest.fixture(scope="session")
def strangers_key():
    """A good private key that no issuer publishes."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def postgresql_database():
    """The URL of a database made for this run of the tests, and dropped after it."""
    with new_postgresql_database() as url:
        yield url


@contextmanager
def new_postgresql_database():
    """Make a database for the block, and yield its URL. Skip, or fail, without a server."""
    server = os.environ.get("TEST_POSTGRESQL_URL")
    if not server:
        missing("TEST_POSTGRESQL_URL names no PostgreSQL server")
    name = f"handoff_test_{secrets.token_hex(8)}"
    run_sql(server, f"CREATE DATABASE {name}")
    # The tests that run behind PgBouncer as well reach the database through it.
    reached = os.environ.get("TEST_THROUGH_PGBOUNCER_URL") or server
    url = sqlalchemy.make_url(reached).set(database=name)
    yield url.render_as_string(hide_password=False)
    run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


def missing(what):
    """Skip the test for want of what PostgreSQL's tests need; fail where that is required."""
    (pytest.fail if os.environ.get("REQUIRE_POSTGRESQL") == "1" else pytest.skip)(what)


@pytest.fixture
def postgresql_url(postgresql_database):
    """The URL of an empty PostgreSQL database. Skips, or fails, where there is no server."""
    empty_postgresql(postgresql_database)
    return postgresql_database


def empty_postgresql(url):
    run_sql(url, GIVE_UP, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


def run_subqueries_for_each_row(url):
    """Have PostgreSQL plan as it may for tables that held next to nothing at its last look."""
    name = sqlalchemy.make_url(url).database
    ways = ("hashjoin", "mergejoin", "hashagg", "sort", "material")
    run_sql(url, *(f"ALTER DATABASE {name} SET enable_{way} = off" for way in ways))


def run_sql(url, *statements):
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
