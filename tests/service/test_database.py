import os
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    insert,
    make_url,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from flask_handoff import ConfigurationError
from flask_service.database import Database, Instant, database_of, insert_into
from flask_service.database.schema import Schema
from tests.stopwatch import without_waiting

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, unique=True),
    Column("made_at", Instant),
)


@pytest.fixture
def schema(tmp_path):
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_tables.py").touch()
    return Schema(metadata, tmp_path / "migrations", "small")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "postgresql":
        return make_url(request.getfixturevalue("postgresql_url"))
    return make_url(f"sqlite:///{tmp_path / 'small' / 'things.sqlite3'}")


@pytest.fixture
def sqlite_url(tmp_path):
    return make_url(f"sqlite:///{tmp_path / 'small' / 'things.sqlite3'}")


def opened(url, schema, **options):
    database = Database(url, schema, **options)
    database.prepare()
    return database


@pytest.fixture
def database(url, schema):
    with closing(opened(url, schema)) as database:
        yield database


@pytest.fixture
def sqlite_database(sqlite_url, schema):
    with closing(opened(sqlite_url, schema)) as database:
        yield database


def add(database, name="a", **values):
    with database.writing() as connection:
        connection.execute(insert(things).values(name=name, **values))


def names(database):
    with database.reading() as connection:
        return sorted(connection.execute(select(things.c.name)).scalars())


def in_parallel(act, number):
    start = threading.Barrier(number)

    def begin(each):
        start.wait()
        return act(each)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(begin, range(number)))


def test_a_connection_in_use_is_closed_at_the_end_of_its_transaction(sqlite_url, schema):
    database = opened(sqlite_url, schema)
    with database.writing() as connection:
        driver = connection.connection.driver_connection
        connection.execute(insert(things).values(name="a"))
        database.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        driver.execute("SELECT 1")
    assert names(database) == ["a"]
    database.close()


def test_what_is_written_stays(database):
    add(database)
    assert names(database) == ["a"]


def test_a_transaction_that_fails_is_undone(database):
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(insert(things).values(name="a"))
        _ = 1 / 0
    assert names(database) == []


@pytest.mark.parametrize("outer", ["reading", "writing"])
def test_a_transaction_that_reads_within_another_is_a_part_of_it(database, outer):
    with getattr(database, outer)() as whole, database.reading() as part:
        assert part is whole


def test_a_transaction_that_writes_within_another_is_a_part_of_it(database):
    with pytest.raises(ZeroDivisionError), database.writing():
        add(database, "a")
        _ = 1 / 0
    assert names(database) == []
    with database.writing():
        add(database, "b")
        add(database, "c")
        database.after_commit(lambda: add(database, "d"))
    assert names(database) == ["b", "c", "d"]


def test_a_transaction_that_only_reads_has_no_part_that_writes(database):
    with database.reading():
        with pytest.raises(RuntimeError, match="only reads"), database.writing():
            pass
        assert names(database) == []
    add(database, "a")


def test_a_transaction_with_a_part_that_failed_is_undone(database):
    with pytest.raises(RuntimeError, match="part of the transaction"), database.writing():
        add(database, "a")
        with suppress(ZeroDivisionError), database.writing():
            _ = 1 / 0
    assert names(database) == []


def test_what_follows_a_commit_is_never_done_without_it(database):
    done = []
    with database.writing() as connection:
        connection.execute(insert(things).values(name="a"))
        database.after_commit(lambda: done.append(names(database)))
    with pytest.raises(ZeroDivisionError), database.writing():
        database.after_commit(lambda: done.append("never"))
        _ = 1 / 0
    assert done == [["a"]]
    for transaction in (database.reading(), closing(database)):
        with transaction, pytest.raises(RuntimeError, match="no writing transaction"):
            database.after_commit(done.clear)


def test_what_follows_a_reading_transaction_may_write(database):
    with database.reading():
        database.after_reading(lambda: add(database, "a"))
    assert names(database) == ["a"]
    with pytest.raises(RuntimeError, match="no transaction is open"):
        database.after_reading(lambda: add(database, "b"))


def test_many_threads_write_at_once_and_nothing_is_lost(database):
    in_parallel(lambda each: [add(database, f"{each}-{number}") for number in range(10)], 16)
    assert len(names(database)) == 160


def test_writers_on_sqlite_wait_for_each_other_before_they_read(sqlite_url, schema):
    with closing(opened(sqlite_url, schema, timeout=timedelta(minutes=1))) as database:

        def count_and_add(number):
            with database.writing() as connection:
                count = connection.execute(select(func.count()).select_from(things)).scalar_one()
                connection.execute(insert(things).values(name=str(number)))
            return count

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(count_and_add, range(40))) == list(range(40))


def test_servers_that_start_together_make_the_tables_once(url, schema):
    in_parallel(lambda _each: opened(url, schema).close(), 6)
    with closing(opened(url, schema)) as database:
        assert names(database) == []


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 1, 1, 12, tzinfo=UTC),
        datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
        datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_an_instant_comes_back_as_it_was_in_utc(database, instant):
    add(database, made_at=instant)
    with database.reading() as connection:
        found = connection.execute(select(things.c.made_at)).scalar_one()
    assert found == instant
    assert found.utcoffset() == timedelta(0)


def test_a_datetime_without_a_zone_is_refused(database):
    naive = datetime(2026, 1, 1, 12)  # noqa: DTZ001 - that is what is refused
    with pytest.raises(StatementError, match="an instant without a time zone"):
        add(database, made_at=naive)
    with pytest.raises(StatementError), database.reading() as connection:
        connection.execute(select(things).where(things.c.made_at < naive))
    assert names(database) == []


def test_no_table_takes_a_datetime_without_a_zone(server, app):
    naive = datetime(2026, 1, 1, 12)  # noqa: DTZ001 - that is what is refused
    database, refused = database_of(app), 0
    for table in database.schema.metadata.sorted_tables:
        for column in (each for each in table.columns if isinstance(each.type, Instant | DateTime)):
            with (
                pytest.raises(StatementError, match="an instant without a time zone"),
                database.reading() as connection,
            ):
                connection.execute(select(table).where(column < naive))
            refused += 1
    assert refused > 2


@pytest.mark.parametrize("microsecond", [0, 1, 250_000])
def test_an_instant_is_the_text_that_sqlalchemy_writes(microsecond):
    instant = datetime(2026, 1, 1, 12, 0, 5, microsecond, UTC)
    dialect = sqlite.dialect()
    ours, theirs = (
        kind.dialect_impl(dialect).bind_processor(dialect) for kind in (Instant(), DateTime())
    )
    elsewhere = instant.astimezone(timezone(timedelta(hours=-5)))
    assert ours(instant) == ours(elsewhere) == theirs(instant)
    assert ours(None) is None


def test_an_error_does_not_quote_what_was_to_be_written(database):
    with pytest.raises(IntegrityError) as failed:
        for _ in range(2):
            add(database, "a-private-name")
    assert "parameters hidden" in str(failed.value)


def test_an_insert_knows_of_a_row_that_is_there(database):
    for _ in range(2):
        with database.writing() as connection:
            once = insert_into(connection, things).values(name="a").on_conflict_do_nothing()
            connection.execute(once)
    assert names(database) == ["a"]


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1), ("busy_timeout", 5000)],
)
def test_every_connection_to_sqlite_is_set_up(sqlite_database, pragma, value):
    with sqlite_database.reading() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_a_sqlite_file_is_for_this_user_alone(sqlite_database, sqlite_url):
    add(sqlite_database)
    folder = Path(sqlite_url.database).parent
    assert len(list(folder.iterdir())) >= 2
    assert {each.stat().st_mode & 0o077 for each in (folder, *folder.iterdir())} == {0}


def test_a_writer_on_sqlite_has_the_lock_at_once(sqlite_database, sqlite_url):
    with (
        closing(sqlite3.connect(sqlite_url.database, timeout=0, isolation_level=None)) as rival,
        sqlite_database.writing(),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        rival.execute("BEGIN IMMEDIATE")


def test_a_sqlite_file_that_was_closed_is_whole(sqlite_database, sqlite_url, tmp_path):
    with closing(sqlite3.connect(sqlite_url.database)) as another:
        another.execute("SELECT * FROM things").fetchall()  # so that it is not the last to close
        add(sqlite_database)
        sqlite_database.close()
        copy = shutil.copy(sqlite_url.database, tmp_path / "copy.sqlite3")
    with closing(sqlite3.connect(copy)) as copied:
        assert copied.execute("SELECT name FROM things").fetchall() == [("a",)]


def test_readers_and_writers_on_sqlite_do_not_wait(sqlite_database, sqlite_url):
    with closing(sqlite3.connect(sqlite_url.database, timeout=0, isolation_level=None)) as rival:
        with sqlite_database.reading() as connection:
            connection.execute(select(things)).all()
            rival.execute("BEGIN IMMEDIATE")
            rival.execute("INSERT INTO things (name) VALUES ('a')")
        assert names(sqlite_database) == []
        rival.execute("COMMIT")
    assert names(sqlite_database) == ["a"]


def test_a_locked_sqlite_is_waited_for_no_longer_than_asked(sqlite_database, sqlite_url, schema):
    short = Database(sqlite_url, schema, timeout=timedelta(milliseconds=10))
    with closing(short), sqlite_database.writing():
        assert names(short) == []
        with pytest.raises(Exception, match="locked"):
            add(short)


@pytest.mark.parametrize("place", ["/proc/no/such/place", "/proc/version"])
def test_a_file_that_cannot_be_made_or_used_is_told(schema, place):
    url, hour = make_url(f"sqlite:///{place}"), timedelta(hours=1)
    with pytest.raises(ConfigurationError, match=f"{place}' cannot be used") as refusal:
        without_waiting(lambda: opened(url, schema, timeout=hour))
    remedy = "Start it, or correct SMALL_DATABASE_URL or SMALL_INSTANCE."
    assert refusal.value.remedy == remedy


def test_a_file_that_is_no_database_is_told(schema, tmp_path):
    file = tmp_path / "text.sqlite3"
    file.write_text("this is no database, however long it may be " * 100)
    with pytest.raises(ConfigurationError, match="SMALL_DATABASE_URL"):
        opened(make_url(f"sqlite:///{file}"), schema)


def sqlite_file(app):
    return Path(database_of(app).url.database)


def put_marker(app, marker):
    with database_of(app).writing() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {marker} (id INTEGER)")


def has_marker(app, marker):
    with database_of(app).reading() as connection:
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars()
        return marker in found


def test_a_sqlite_file_that_is_replaced_is_followed(server, app, tmp_path):
    put_marker(app, "of_before")
    other = server.build(DATABASE_URL=f"sqlite:///{tmp_path / 'other.sqlite3'}")
    put_marker(other, "of_the_other")
    database_of(other).close()
    file = sqlite_file(app)
    for left in file.parent.glob(f"{file.name}-*"):
        left.unlink()
    os.replace(sqlite_file(other), file)
    assert has_marker(app, "of_the_other")
    assert not has_marker(app, "of_before")
    assert server.get(app, "/readyz").status_code == 200


def test_a_sqlite_file_that_is_removed_is_missed_at_once(server, app):
    assert server.get(app, "/readyz").status_code == 200
    file = sqlite_file(app)
    kept = shutil.copytree(file.parent, file.parent.with_name("kept"))
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink()
    assert server.get(app, "/readyz").status_code == 503
    # What is made anew is empty, and for this user alone as well.
    assert file.stat().st_mode & 0o077 == 0
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink()
    shutil.copytree(kept, file.parent, dirs_exist_ok=True)
    assert server.get(app, "/readyz").status_code == 200


@pytest.mark.parametrize("connected", [True, False])
def test_a_damaged_sqlite_file_is_answered_503(server, app, connected):
    if not connected:
        database_of(app).close()
    for left in sqlite_file(app).parent.glob(f"{sqlite_file(app).name}*"):
        left.write_bytes(b"this is not a database" * 1000)
    assert server.get(app, "/readyz").status_code == 503


def test_without_its_database_a_server_refuses_to_start(server):
    unreachable = "postgresql://notes:hunter2@127.0.0.1:1/notes"
    for url in ("sqlite:////proc/no/such/place", unreachable):
        with pytest.raises(ConfigurationError, match="cannot be used") as refused:
            server.build(DATABASE_URL=url)
        assert "hunter2" not in str(refused.value)
        assert refused.value.__cause__ is None


def test_an_outage_is_an_operational_error(schema):
    url = make_url("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with (
        closing(Database(url, schema)) as database,
        pytest.raises(OperationalError),
        database.reading(),
    ):
        pass
