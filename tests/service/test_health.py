from contextlib import closing

import pytest
from sqlalchemy import make_url

from flask_service.database import database_of
from tests.conftest import run_sql

LOST = {"server1": ("grants", "scope"), "server2": ("notes", "text")}
READY = {
    "server1": {"database": "ok", "keys": "ok"},
    "server2": {
        "database": "ok",
        "replay_store": "ok",
        "keys": "ok",
        "clocks": "ok",
        "clock_difference_seconds": None,
    },
}


def test_a_server_that_lives_says_so(server, app):
    answer = server.get(app, "/healthz")
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "ok\n", "text/plain")
    assert "Set-Cookie" not in answer.headers


def test_a_server_that_can_work_says_so(server, app):
    answer = server.get(app, "/readyz")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == READY[server.name]


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("DROP TABLE {}", "no such table: {} request_id="),
        ("ALTER TABLE {} RENAME COLUMN {column} TO lost", "no such column: {}.{column} "),
    ],
    ids=["table", "column"],
)
def test_a_server_that_lost_a_table_lives_but_cannot_work(server, app, capsys, loss, told):
    lost, column = LOST[server.name]
    with database_of(app).writing() as connection:
        connection.exec_driver_sql(loss.format(lost, column=column))
    answer = server.get(app, "/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json == {**READY[server.name], "database": "unavailable"}
    assert told.format(lost, column=column) in capsys.readouterr().err
    assert server.get(app, "/healthz").status_code == 200


@pytest.fixture
def read_only(postgresql_url):
    """Makes the database one for reading only, as after a fail-over."""
    setting = f"ALTER DATABASE {make_url(postgresql_url).database}"
    yield lambda: run_sql(postgresql_url, f"{setting} SET default_transaction_read_only = on")
    undo = f"{setting} RESET default_transaction_read_only"
    run_sql(postgresql_url, "SET default_transaction_read_only = off", undo)


def test_a_database_for_reading_only_is_not_ready(server, postgresql_url, read_only, capsys):
    app = server.build(DATABASE_URL=postgresql_url)
    assert server.get(app, "/readyz").status_code == 200
    read_only()
    database_of(app).close()
    answer = server.get(app, "/readyz")
    assert (answer.status_code, answer.json["database"]) == (503, "unavailable")
    assert "ReadOnlySqlTransaction" in capsys.readouterr().err


@pytest.mark.parametrize("server", ["server1"], indirect=True)
def test_a_table_that_is_locked_is_not_ready(server, postgresql_url):
    app = server.build(DATABASE_URL=postgresql_url)
    with database_of(app).engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE sessions IN SHARE MODE")  # as pg_restore does
        assert server.get(app, "/readyz").json["database"] == "unavailable"
    assert server.get(app, "/readyz").status_code == 200


@pytest.mark.parametrize("server", ["server1"], indirect=True)
def test_a_database_that_is_locked_is_not_ready(server, app):
    engine = database_of(app).engine
    with closing(engine.raw_connection()) as connection:
        connection.driver_connection.execute("BEGIN IMMEDIATE")
        assert server.get(app, "/readyz").status_code == 503
    assert server.get(app, "/readyz").status_code == 200


def test_to_ask_leaves_nothing_behind(server, app):
    database = database_of(app)
    with database.reading() as connection:
        before = list(connection.connection.driver_connection.iterdump())
    assert server.get(app, "/readyz").status_code == 200
    with database.reading() as connection:
        assert list(connection.connection.driver_connection.iterdump()) == before


def test_a_supervisor_may_ask_under_any_name(server):
    client = server.build().test_client()
    for path, status in (("/readyz", 200), ("/healthz", 200), ("/", 400), ("/logout", 400)):
        assert client.get(path, base_url="http://10.0.0.7:5000").status_code == status
