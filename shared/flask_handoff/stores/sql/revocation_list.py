"""Remembers revocations for the processes of a service."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from flask_handoff.errors import RevocationListUnavailableError
from flask_handoff.stores.revocation_list import RevocationEntry
from flask_handoff.stores.statements import Statement

from .store import SQLStore, sweeping

_LONGEST_CLAIM = 255  # characters

_FORGET_EARLIER = Statement(
    "DELETE FROM handoff_revocations "
    "WHERE issuer = :issuer AND claim = :claim AND value = :value AND dated < :dated"
)
_NOTE = Statement(
    "INSERT INTO handoff_revocations (issuer, claim, value, dated, forget_at) "
    "VALUES (:issuer, :claim, :value, :dated, :forget_at) "
    "ON CONFLICT (claim, value, issuer) DO NOTHING"
)
_ENTRIES = Statement(
    "SELECT number, claim, value, dated FROM handoff_revocations "
    "WHERE issuer = :issuer AND number >= :start ORDER BY number LIMIT :most",
    *RevocationEntry._fields,
)
# Numbers appear in their order: else a reader that has seen 6 would never look for 5. SQLite's
# writers come one after another by themselves.
_LOCK = Statement(f"SELECT pg_advisory_xact_lock({0x7265766F6B6564})", "locked")  # "revoked"
_SWEEP = sweeping("handoff_revocations", "number", "forget_at")


def revocation_table(metadata: MetaData) -> Table:
    """Describe the table ``handoff_revocations``, for an application that creates its own."""
    return Table(
        "handoff_revocations",
        metadata,
        Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("issuer", String(_LONGEST_CLAIM), nullable=False),
        Column("claim", String(9), nullable=False),
        Column("value", String(_LONGEST_CLAIM), nullable=False),
        Column("dated", BigInteger, nullable=False),
        Column("forget_at", BigInteger, nullable=False),
        # The issuer comes last: an index that begins with it would be read whole for what is new.
        UniqueConstraint("claim", "value", "issuer"),
        Index("handoff_revocations_by_expiry", "forget_at"),
        sqlite_autoincrement=True,  # else the number of a forgotten row is given again
    )


class SQLRevocationList(SQLStore):
    """Remembers in a table ``handoff_revocations``; see ``SQLStore``.

    What it costs to note an entry does not grow with the table: each removes two that are over.
    """

    unavailable = RevocationListUnavailableError
    tables = (revocation_table,)

    def note(
        self, issuer: str, claim: str, value: str, *, dated: int, forget_at: int, now: int
    ) -> None:
        """Note one entry, see ``RevocationList.note``."""
        entry = {"issuer": issuer, "claim": claim, "value": value, "dated": dated}
        with self._writing() as connection:
            if connection.dialect.name == "postgresql":
                _LOCK.rows(connection)
            _FORGET_EARLIER.rows(connection, **entry)
            _NOTE.rows(connection, **entry, forget_at=forget_at)
            _SWEEP.rows(connection, now=now)

    def entries(self, issuer: str, *, start: int, most: int) -> Sequence[RevocationEntry]:
        """Return entries, see ``RevocationList.entries``."""
        with self._reading() as connection:
            # Rows of the same names, made once: of a million entries that is seconds.
            return _ENTRIES.rows(connection, issuer=issuer, start=start, most=most)
