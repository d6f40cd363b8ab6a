"""The list of revocations, in each of the stores that can keep it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text

from flask_handoff.errors import RevocationListUnavailableError
from flask_handoff.stores import MemoryRevocationList, RevocationEntry
from flask_handoff.stores.sql import SQLRevocationList

ISSUER = "https://server1.example.com"
NOW = 1_800_000_000  # seconds since 1970


def note(store, claim="sub", value="ada", *, dated=NOW, forget_at=NOW + 665, now=NOW, **other):
    store.note(other.get("issuer", ISSUER), claim, value, dated=dated, forget_at=forget_at, now=now)


def entries(store, start=0, most=100, issuer=ISSUER):
    return list(store.entries(issuer, start=start, most=most))


def names(store, **asked):
    return [entry.value for entry in entries(store, **asked)]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryRevocationList()
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'revocations.sqlite3'}"
    else:
        url = request.getfixturevalue("postgresql_url")
    engine = create_engine(url)
    kept = SQLRevocationList(engine)
    kept.create_tables()
    yield kept
    engine.dispose()


def test_what_is_noted_comes_back_in_its_order(store):
    for number, (claim, value) in enumerate([("jti", "j"), ("sid", "s"), ("", "")]):
        note(store, claim, value, dated=NOW + number)
    found = entries(store)
    assert [entry[1:] for entry in found] == [
        ("jti", "j", NOW),
        ("sid", "s", NOW + 1),
        ("", "", NOW + 2),
    ]
    assert sorted(found) == found
    assert found[0]._fields == RevocationEntry._fields


def test_a_reader_goes_on_where_it_stopped(store):
    for value in "abcde":
        note(store, value=value)
    first = entries(store, most=2)
    assert names(store, start=first[-1].number, most=2) == ["b", "c"]


def test_of_two_about_the_same_the_later_date_stays_and_is_new(store):
    note(store, dated=NOW)
    note(store, value="bob")
    [_, seen] = entries(store)
    note(store, dated=NOW + 5)
    note(store, dated=NOW + 3)
    assert [entry[1:] for entry in entries(store, start=seen.number)] == [
        ("sub", "bob", NOW),
        ("sub", "ada", NOW + 5),
    ]


def test_an_entry_that_is_replaced_leaves_its_number_to_nobody(store):
    note(store, dated=NOW)
    [former] = entries(store)
    note(store, dated=NOW + 1)
    [latter] = entries(store)
    assert latter.number > former.number


def test_each_issuer_has_entries_of_its_own(store):
    note(store)
    note(store, issuer="https://other.example")
    assert len(entries(store)) == len(entries(store, issuer="https://other.example")) == 1


def test_what_is_over_leaves_and_its_number_is_not_given_again(store):
    note(store, value="a")
    note(store, value="b", forget_at=NOW + 1)
    highest = entries(store)[-1].number
    note(store, value="c", forget_at=NOW + 2, now=NOW + 2)
    assert names(store) == ["a", "c"]
    note(store, value="d", now=NOW + 3)
    assert names(store) == ["a", "d"]
    assert entries(store)[-1].number > highest + 1


def test_what_is_noted_outlives_the_process(engine):
    SQLRevocationList(engine).create_tables()
    note(SQLRevocationList(engine))
    engine.dispose()
    assert names(SQLRevocationList(engine)) == ["ada"]


def test_a_lower_number_never_appears_after_a_higher_one(engine):
    """Else a reader that has seen the higher one would never look for it."""
    SQLRevocationList(engine).create_tables()
    with engine.begin() as connection:

        @contextmanager
        def lent():
            yield connection

        if engine.dialect.name == "sqlite":
            connection.execute(text("UPDATE handoff_revocations SET dated = 0"))
        note(SQLRevocationList(engine, transaction=lent), value="first")
        noted = threading.Event()

        def note_second():
            note(SQLRevocationList(engine), value="second")
            noted.set()

        with ThreadPoolExecutor(1) as thread:
            second = thread.submit(note_second)
            assert not noted.wait(0.2)
            connection.commit()
            second.result()
    assert names(SQLRevocationList(engine)) == ["first", "second"]


def test_a_list_without_its_table_is_out_of_reach(engine):
    store = SQLRevocationList(engine)
    for ask in (entries, note):
        with pytest.raises(RevocationListUnavailableError, match="handoff_revocations is missing"):
            ask(store)
