import pytest
from sqlalchemy import func, insert, select

from server2 import sessions
from tests.servers import statements


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{tmp_path / 'notes.sqlite3'}"


@pytest.fixture
def notes_app(build_notes, url):
    return build_notes(SERVER2_DATABASE_URL=url)


@pytest.fixture
def kid(issuer_key_ring):
    return issuer_key_ring.signing_key.kid


@pytest.fixture
def run(notes_app):
    runner = notes_app.test_cli_runner()
    return lambda *arguments: runner.invoke(args=["sessions", "end", *arguments])


def is_signed_in(visitor):
    return visitor.get("/session").status_code == 200


def test_the_sessions_of_a_key_end_in_every_browser(visitor, another_visitor, kid, run):
    visitor.arrive()
    another_visitor.arrive(subject="bob")
    done = run("--kid", kid)
    assert (done.exit_code, done.output) == (0, "Ended 2 sessions.\n")
    assert not is_signed_in(visitor)
    assert not is_signed_in(another_visitor)


def test_the_sessions_of_other_keys_go_on(visitor, run):
    visitor.arrive()
    done = run("--kid", "another-key")
    assert (done.exit_code, done.output) == (0, "Ended 0 sessions.\n")
    assert is_signed_in(visitor)


def test_of_several_keys_all_sessions_are_ended(visitor, kid, run):
    visitor.arrive()
    assert run("--kid", "another-key", "--kid", kid).output == "Ended 1 session.\n"
    assert not is_signed_in(visitor)


def test_many_sessions_are_ended_in_several_transactions(visitor, kid, run, notes_app):
    visitor.arrive()
    database = notes_app.extensions["database"]
    copies = 2 * sessions.ENDED_AT_ONCE
    with database.writing() as connection:
        row = dict(connection.execute(select(sessions.sessions)).mappings().one())
        connection.execute(
            insert(sessions.sessions),
            [{**row, "id_sha256": f"copy {n}", "handle": f"copy {n}"} for n in range(copies)],
        )
    with statements.noted(database) as noted:
        assert run("--kid", kid).output == f"Ended {copies + 1} sessions.\n"
    assert sum(statement.startswith("DELETE") for statement in noted) == 3
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(sessions.sessions)) == 0


def test_the_sessions_of_everybody_end_after_a_restore(visitor, another_visitor, run):
    visitor.arrive()
    another_visitor.arrive(subject="bob")
    assert run("--all").output == "Ended 2 sessions.\n"
    assert not is_signed_in(visitor)


@pytest.mark.parametrize("arguments", [(), ("--all", "--kid", "a-key")])
def test_a_key_has_to_be_named_or_all(visitor, run, arguments):
    visitor.arrive()
    assert run(*arguments).exit_code == 2
    assert is_signed_in(visitor)
