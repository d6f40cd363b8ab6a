"""Statements that are compiled once do what SQLAlchemy does when it executes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.types import TypeDecorator

from flask_handoff.stores.statements import Statement

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


class Instant(TypeDecorator):
    """Kept in UTC, and aware when it comes back, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return value.astimezone(UTC)

    def process_result_value(self, value, dialect):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


people = Table(
    "people",
    MetaData(),
    Column("name", String, primary_key=True),
    Column("age", Integer),
    Column("born_at", Instant),
    Column("absent", Boolean, nullable=False),
)

ADD = Statement(insert(people))
FIND = Statement(select(people).where(people.c.name == bindparam("wanted")))
PRESENT = Statement(
    select(people.c.name).where(people.c.absent.is_(False)).order_by(people.c.name).limit(2)
)
AGED = Statement("SELECT name FROM people WHERE age = :age", "name")


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request, tmp_path):
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'people.sqlite3'}"
    else:
        address = request.getfixturevalue("postgresql_url")
    engine = create_engine(address)
    with engine.begin() as made:
        people.create(made)
    with engine.connect() as connection:
        connection.begin()
        yield connection
    engine.dispose()


def add(connection, name, age=40, *, born_at=NOON, absent=False):
    ADD.rows(connection, name=name, age=age, born_at=born_at, absent=absent)


def test_a_row_that_is_written_is_found_again(connection):
    add(connection, "Ada", 36)
    row = FIND.row(connection, wanted="Ada")
    assert row == ("Ada", 36, NOON, False)
    assert (row.name, row.age, row.born_at, row.absent) == ("Ada", 36, NOON, False)


def test_it_finds_what_sqlalchemy_finds(connection):
    for name in ("Ada", "Grace", "Mary"):
        add(connection, name, absent=name == "Grace")
    query = select(people).where(people.c.absent.is_(False)).order_by(people.c.name)
    assert Statement(query).rows(connection) == connection.execute(query).all()


def test_constants_of_the_statement_are_sent_along(connection):
    for name in ("Mary", "Ada", "Grace", "Ida"):
        add(connection, name, absent=name == "Grace")
    assert [row.name for row in PRESENT.rows(connection)] == ["Ada", "Ida"]


def test_values_are_converted_as_their_columns_say(connection):
    add(connection, "Ada", born_at=NOON.astimezone(timezone(timedelta(hours=5))))
    stored = connection.execute(select(people)).one().born_at
    assert (stored, FIND.row(connection, wanted="Ada").born_at) == (NOON, NOON)


def test_what_finds_nothing_has_no_row(connection):
    assert FIND.rows(connection, wanted="Ada") == []
    assert FIND.row(connection, wanted="Ada") is None


def test_a_text_returns_the_columns_it_was_told(connection):
    add(connection, "Ada", 36)
    assert AGED.rows(connection, age=36) == [("Ada",)]
    assert Statement("DELETE FROM people").rows(connection) == []


def test_a_change_returns_what_it_was_asked_for(connection):
    add(connection, "Ada", 36)
    older = update(people).values(age=people.c.age + 1).returning(people.c.age)
    assert Statement(older).row(connection).age == 37
    gone = delete(people).where(people.c.name == bindparam("who")).returning(people.c.name)
    assert Statement(gone).rows(connection, who="Ada") == [("Ada",)]


def test_it_may_be_made_for_the_database_at_hand(connection):
    def make(dialect):
        into = {"sqlite": sqlite, "postgresql": postgresql}[dialect].insert(people)
        return into.on_conflict_do_nothing().returning(people.c.name)

    row = {"name": "Ada", "age": 36, "born_at": NOON, "absent": False}
    add_once = Statement(make)
    assert [len(add_once.rows(connection, **row)) for _ in range(2)] == [1, 0]


def test_it_is_a_part_of_the_transaction(connection):
    add(connection, "Ada")
    connection.commit()
    with connection.begin() as transaction:
        add(connection, "Grace")
        transaction.rollback()
    with connection.begin():
        assert [row.name for row in PRESENT.rows(connection)] == ["Ada"]


@pytest.mark.parametrize("values", [{}, {"wanted": "Ada", "age": 3}, {"name": "Ada"}])
def test_a_value_missing_or_too_many_is_refused(connection, values):
    for _ in range(2):  # when it is compiled, and later
        with pytest.raises(TypeError, match="expected values for wanted"):
            FIND.rows(connection, **values)
        FIND.rows(connection, wanted="Ada")


def test_a_failure_is_one_of_sqlalchemys_and_tells_no_value(connection):
    add(connection, "a secret name")
    with pytest.raises(IntegrityError) as caught:
        add(connection, "a secret name")
    assert "secret" not in str(caught.value.statement) + str(caught.value.params)
    connection.rollback()
    with pytest.raises(SQLAlchemyError, match="nowhere"):
        Statement("SELECT x FROM nowhere", "x").rows(connection)
