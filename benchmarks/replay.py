"""A claim in the SQL replay store: with a million rows against ten thousand."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, text

from benchmarks.starts import in_fresh_processes, side_by_side
from benchmarks.verdict import Row
from flask_handoff.stores.sql import SQLReplayStore

FEW, MANY = 10_000, 1_000_000
NOW = 1_800_000_000
NUMBERS = frozenset({11})


def measure(starts: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for rows in (FEW, MANY):
            _fill(folder, rows)
        claims = in_fresh_processes(claim, folder, starts)
    yield Row(11, f"claim among {MANY:,} tokens", f"among {FEW:,}", "us", claims, must=1.2)


def claim(folder: Path) -> tuple[float, float]:
    """Return the microseconds of a claim among many tokens, and among few."""

    def claim_in(store: SQLReplayStore) -> None:
        store.claim("issuer", secrets.token_urlsafe(16), expires_at=NOW + 125, now=NOW)

    with _engine(folder, MANY) as large, _engine(folder, FEW) as small:
        many, few = SQLReplayStore(large), SQLReplayStore(small)
        return side_by_side(lambda: claim_in(many), lambda: claim_in(few), calls=300)


@contextmanager
def _engine(folder: Path, rows: int) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{folder / str(rows)}.sqlite3")
    event.listen(engine, "connect", _prepare)
    yield engine
    engine.dispose()


def _prepare(connection: object, _record: object) -> None:
    for setting in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {setting}")  # type: ignore[attr-defined]


def _fill(folder: Path, rows: int) -> None:
    # Half of the rows have expired, so that every claim sweeps as well.
    fill = text(
        "INSERT INTO handoff_replay (issuer, jwt_id, expires_at) "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) "
        "SELECT 'issuer', hex(randomblob(22)), :now + (i % 2) * 200 - 100 FROM n"
    )
    with _engine(folder, rows) as engine:
        SQLReplayStore(engine).create_tables()
        with engine.begin() as connection:
            connection.execute(fill, {"rows": rows, "now": NOW})
