import sqlite3
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from server2.accounts import accounts
from server2.db import Database
from server2.sessions import sessions


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{tmp_path / 'notes.sqlite3'}"


@pytest.fixture
def notes_app(build_notes, url):
    return build_notes(SERVER2_DATABASE_URL=url)


@pytest.fixture
def database(notes_app):
    return notes_app.extensions["database"]


def an_account(subject):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return {"issuer": "https://server1.example.com", "subject": subject, "created_at": now}


def count(database, table):
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_visit_from_arrival_to_sign_out(visitor):
    visitor.arrive()
    assert visitor.add_note("kept \U0001f4dd").status_code == 303
    assert "kept \U0001f4dd" in visitor.get("/notes").text
    assert visitor.submit("/notes/1/delete").status_code == 303
    assert visitor.submit("/logout").status_code == 303
    assert visitor.get("/session").status_code == 303


def test_a_session_in_use_is_renewed(visitor, clock, database):
    visitor.arrive()
    clock.tick(minutes=20)
    visitor.get("/notes")
    with database.reading() as connection:
        assert connection.execute(select(sessions.c.last_seen_at)).scalar_one() == clock()


def test_the_tables_of_the_library_stand_in_the_same_database(database):
    assert set(inspect(database.engine).get_table_names()) == {
        "accounts",
        "alembic_version",
        "handoff_logouts",
        "handoff_replay",
        "notes",
        "sessions",
    }


def test_instants_come_back_aware_and_unchanged(database):
    row = an_account("ada") | {"created_at": datetime(2026, 1, 1, 12, 30, 15, 250_000, UTC)}
    with database.writing() as connection:
        connection.execute(insert(accounts), row)
    with database.reading() as connection:
        kept = connection.execute(select(accounts.c.created_at)).scalar_one()
    assert kept == row["created_at"]
    assert kept.utcoffset() is not None


def test_a_transaction_that_fails_leaves_nothing_behind(database):
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(insert(accounts), an_account("ada"))
        raise ZeroDivisionError
    assert count(database, accounts) == 0


@pytest.mark.parametrize("outer", ["reading", "writing"])
@pytest.mark.parametrize("inner", ["reading", "writing"])
def test_a_transaction_within_another_is_refused(database, outer, inner):
    with (
        getattr(database, outer)(),
        pytest.raises(RuntimeError, match="one transaction at a time"),
        getattr(database, inner)(),
    ):
        pass
    assert count(database, accounts) == 0


def test_many_threads_write_at_once_and_nothing_is_lost(database):
    def write(worker):
        for number in range(10):
            with database.writing() as connection:
                connection.execute(insert(accounts), an_account(f"{worker}-{number}"))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database, accounts) == 160


def test_tables_are_made_by_two_processes_at_once(url):
    databases = [Database(url) for _ in range(4)]
    failed = []

    def make(database):
        try:
            database.prepare()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=make, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert failed == []


def test_without_its_tables_a_request_is_answered_503_and_can_be_tried_again(visitor, database):
    visitor.arrive()
    with database.writing() as connection:
        sessions.drop(connection)
    for path in ("/notes", "/session", "/"):
        answer = visitor.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "Not possible right now" in answer.text


def test_a_visitor_without_a_session_sees_the_front_page_while_the_database_is_away(
    visitor, database
):
    with database.writing() as connection:
        sessions.drop(connection)
    assert visitor.get("/").status_code == 200


def test_nobody_is_signed_in_while_used_tokens_cannot_be_remembered(visitor, database):
    landing = visitor.callback(visitor.get("/sso/login"))
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE handoff_replay")
    answer = visitor.get(landing)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert "s2_session" not in visitor.cookies()
    assert count(database, sessions) == 0


def test_the_text_of_a_note_is_not_in_the_log_when_the_database_fails(visitor, database, caplog):
    visitor.arrive()
    token = visitor.csrf_token()
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE notes")
    answer = visitor.post("/notes", {"csrf_token": token, "text": "a very private thought"})
    assert answer.status_code == 503
    assert "a very private thought" not in caplog.text


def test_an_error_of_the_database_does_not_quote_what_was_to_be_written(database):
    row = an_account("a-private-subject")
    with pytest.raises(SQLAlchemyError) as failed, database.writing() as connection:
        connection.execute(insert(accounts), row)
        connection.execute(insert(accounts), row)
    assert "parameters hidden" in str(failed.value)


class TestSQLite:
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'notes.sqlite3'}"

    @pytest.mark.parametrize(
        ("pragma", "value"),
        [("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1), ("busy_timeout", 5000)],
    )
    def test_every_connection_is_set_up(self, database, pragma, value):
        with database.reading() as connection:
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value

    def test_a_writer_has_the_lock_from_its_first_moment(self, database, tmp_path):
        rival = sqlite3.connect(tmp_path / "notes.sqlite3", timeout=0, isolation_level=None)
        with database.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
            rival.execute("BEGIN IMMEDIATE")
        rival.close()

    def test_a_reader_keeps_nobody_from_writing(self, database, tmp_path):
        rival = sqlite3.connect(tmp_path / "notes.sqlite3", timeout=0, isolation_level=None)
        with database.reading() as connection:
            connection.execute(select(accounts)).all()
            rival.execute("BEGIN IMMEDIATE")
            rival.execute("ROLLBACK")
        rival.close()

    @pytest.mark.parametrize("connected", [True, False])
    def test_a_file_that_is_no_database_any_more_is_a_503(self, visitor, tmp_path, connected):
        visitor.arrive()
        token = visitor.csrf_token()
        if not connected:
            visitor.app.extensions["database"].close()
        for left in tmp_path.glob("notes.sqlite3*"):
            left.write_bytes(b"this is not a database" * 100)
        assert visitor.get("/notes").status_code == 503
        assert visitor.post("/logout", {"csrf_token": token}).status_code == 503
