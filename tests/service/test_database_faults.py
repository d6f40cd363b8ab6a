"""What a database lacks is told when a server starts, each in a sentence of its own."""

import secrets

import pytest
from sqlalchemy import make_url

from flask_handoff import ConfigurationError
from flask_service.database import database_of
from tests.conftest import run_sql


@pytest.fixture
def user(postgresql_url):
    """A user of the database who may do nothing there."""
    name = f"guest_{secrets.token_hex(8)}"
    run_sql(postgresql_url, f"CREATE ROLE {name} LOGIN")
    yield name
    run_sql(postgresql_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture
def told(server):
    """Says why the server does not start with a database."""

    def told(url):
        with pytest.raises(ConfigurationError) as refused:
            server.build(DATABASE_URL=make_url(url).render_as_string(hide_password=False))
        assert refused.value.__cause__ is None
        return str(refused.value)

    return told


@pytest.fixture
def own_database(postgresql_url):
    """Makes a database in a way of its own."""
    name = f"handoff_test_{secrets.token_hex(8)}"

    def own_database(how):
        run_sql(postgresql_url, f"CREATE DATABASE {name} {how}")
        return make_url(postgresql_url).set(database=name)

    yield own_database
    run_sql(postgresql_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_another_encoding_is_told(told, own_database):
    url = own_database("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    assert "keeps text as LATIN1, and not as UTF8. Make it with: CREATE DATABASE" in told(url)


def test_a_user_who_may_make_no_tables_is_told(told, postgresql_url, user):
    sentence = told(make_url(postgresql_url).set(username=user))
    assert f"The user {user} may not make tables in the database" in sentence
    assert f"GRANT USAGE, CREATE ON SCHEMA public TO {user}" in sentence


def test_a_user_who_may_not_change_tables_is_told(server, told, postgresql_url, user):
    database_of(server.build(DATABASE_URL=postgresql_url)).close()
    run_sql(
        postgresql_url,
        f"GRANT USAGE ON SCHEMA public TO {user}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user}",
        f"REVOKE DELETE ON sessions FROM {user}",
    )
    url = make_url(postgresql_url).set(username=user)
    assert f"The user {user} may not read and change sessions in the database" in told(url)
    run_sql(postgresql_url, f"GRANT DELETE ON sessions TO {user}")
    server.build(DATABASE_URL=url.render_as_string())
    run_sql(postgresql_url, f"REVOKE USAGE ON ALL SEQUENCES IN SCHEMA public FROM {user}")
    assert "may not read and change " in told(url)


@pytest.mark.parametrize("made", [True, False])
def test_a_database_for_reading_only_is_told(server, told, postgresql_url, made):
    if made:
        database_of(server.build(DATABASE_URL=postgresql_url)).close()
    url = make_url(postgresql_url)
    url = url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    assert "is for reading only, as a standby is. Name the one that takes changes" in told(url)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database": "no_such_database"}, "there is no database of this name"),
        ({"username": "no_such_user"}, "it knows no user of this name"),
        ({"query": {"host": "/proc"}}, "nothing answers at its address"),
        ({"query": {"service": "none"}}, "the URL has an option that is wrong"),
    ],
)
def test_why_it_is_out_of_reach_is_told(told, postgresql_url, change, reason):
    sentence = told(make_url(postgresql_url).set(**change))
    assert f"cannot be used ({reason}: OperationalError). Start it, or correct SERVER" in sentence


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("CONNECTION LIMIT 0", "it has as many connections as it may"),
        ("NOLOGIN", "it does not let this user in"),
    ],
)
def test_a_user_who_is_not_let_in_is_told_why(told, postgresql_url, user, change, reason):
    run_sql(postgresql_url, f"ALTER ROLE {user} {change}")
    sentence = told(make_url(postgresql_url).set(username=user))
    assert f"cannot be used ({reason}: OperationalError)" in sentence


def test_a_file_that_cannot_be_made_is_told(told):
    assert "(the file cannot be opened or made: SQLITE_CANTOPEN)" in told("sqlite:////proc/no/such")
