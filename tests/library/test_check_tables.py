"""Whether a database can keep what the SQL stores remember: a row is written, and taken back."""

from contextlib import contextmanager

import pytest
from sqlalchemy import MetaData, create_engine, text

from flask_handoff.errors import DependencyUnavailableError
from flask_handoff.stores.sql import (
    SQLCodeStore,
    SQLRefreshStore,
    SQLReplayStore,
    SQLRevocationList,
    SQLRevokedTokenStore,
)
from flask_handoff.stores.sql.store import SQLStore

STORES: list[type[SQLStore]] = [
    SQLReplayStore,
    SQLCodeStore,
    SQLRefreshStore,
    SQLRevokedTokenStore,
    SQLRevocationList,
]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'stores.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    engine = create_engine(url)
    yield engine
    engine.dispose()


def test_the_tables_of_each_store_are_found_and_left_empty(engine):
    @contextmanager
    def lent():
        with engine.begin() as connection:
            yield connection

    for kind in STORES:
        with pytest.raises(DependencyUnavailableError, match="there is no table handoff_"):
            kind(engine).check_tables()
        kind(engine).create_tables()
        kind(engine).check_tables()
        kind(engine, transaction=lent).check_tables()
        tables = [describe(MetaData()) for describe in kind.tables]
        with engine.begin() as connection:
            assert not any(connection.execute(table.select()).all() for table in tables)


def test_a_table_that_is_not_used_may_be_missing(engine):
    store = SQLReplayStore(engine)
    store.create_tables()
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE handoff_logouts"))
    store.check_tables("handoff_replay")
    with pytest.raises(DependencyUnavailableError, match="no table handoff_logouts"):
        store.check_tables()


def test_a_table_that_takes_no_row_is_told(engine):
    store = SQLReplayStore(engine)
    store.create_tables()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE handoff_replay ADD seen VARCHAR DEFAULT '' NOT NULL"))
        connection.execute(text("ALTER TABLE handoff_logouts RENAME value TO name"))
    with pytest.raises(DependencyUnavailableError, match="handoff_logouts lacks value"):
        store.check_tables()
    store.check_tables("handoff_replay")
