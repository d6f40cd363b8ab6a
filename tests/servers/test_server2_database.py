import pytest
from sqlalchemy import func, inspect, select

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
        "handoff_revocations",
        "notes",
        "sent_forms",
        "sessions",
    }


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


class TestSQLite:
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'notes.sqlite3'}"

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
