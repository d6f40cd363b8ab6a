"""A claim in the SQL replay store: with a million rows against ten thousand."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, text

from benchmarks.table import Row, side_by_side
from flask_handoff.stores.sql import SQLReplayStore

FEW, MANY = 10_000, 1_000_000
BOUND = 1.5  # flat, give or take the depth of the index
NOW = 1_800_000_000


def measure() -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory() as folder,
        _store(Path(folder), MANY) as large,
        _store(Path(folder), FEW) as small,
    ):
        number = count()

        def claim_in(store: SQLReplayStore) -> None:
            store.claim("issuer", f"new-{next(number)}", expires_at=NOW + 125, now=NOW)

        many, few = side_by_side(
            lambda: claim_in(large), lambda: claim_in(small), calls=300, rounds=9
        )
    yield Row(f"claim among {MANY:,} tokens", f"among {FEW:,}", many, few, BOUND)


@contextmanager
def _store(folder: Path, rows: int) -> Iterator[SQLReplayStore]:
    engine = create_engine(f"sqlite:///{folder / str(rows)}.sqlite3")
    event.listen(engine, "connect", _prepare)
    store = SQLReplayStore(engine)
    store.create_tables()
    _fill(engine, rows)
    yield store
    engine.dispose()


def _prepare(connection: object, _record: object) -> None:
    for setting in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {setting}")  # type: ignore[attr-defined]


def _fill(engine: Engine, rows: int) -> None:
    # Half of the rows have expired, so that every claim sweeps as well.
    fill = text(
        "INSERT INTO handoff_replay (issuer, jwt_id, expires_at) "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) "
        "SELECT 'issuer', hex(randomblob(22)), :now + (i % 2) * 200 - 100 FROM n"
    )
    with engine.begin() as connection:
        connection.execute(fill, {"rows": rows, "now": NOW})
