"""Keeps families of refresh tokens, one row each: hashes of the newest token and the one before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    MetaData,
    String,
    Table,
    update,
)

from flask_handoff.claims import RefreshFamily
from flask_handoff.errors import (
    RefreshStoreUnavailableError,
    RefreshTokenInvalidError,
    RefreshTokenReusedError,
)
from flask_handoff.profiles import LONGEST_SCOPE
from flask_handoff.stores.ports import FAMILY_ID_LENGTH
from flask_handoff.stores.rotation import (
    FamilyState,
    ended,
    good_until,
    newest_again,
    unknown,
)
from flask_handoff.stores.statements import Statement

from .revocable import RevocableStore
from .store import sweeping

_FAMILY = RefreshFamily._fields
_INSTANTS = ("auth_time", "started_at", "used_at")
_SCOPES = ("scope", "access_scope")
_INSERTED = (*_FAMILY, "handle_sha256", "token_sha256", "expires_at", "forget_at")

_START = Statement(
    f"INSERT INTO handoff_refresh_families ({', '.join(_INSERTED)}, ended) "  # noqa: S608
    f"VALUES ({', '.join(f':{name}' for name in _INSERTED)}, false)"
)
_FIND = Statement(
    f"SELECT {', '.join(_FAMILY)} FROM handoff_refresh_families "  # noqa: S608 - names of fields
    "WHERE handle_sha256 = :handle_sha256",
    *_FAMILY,
)
# One statement decides: of two requests with one token, the second finds another as the newest.
_ROTATE = Statement(
    "UPDATE handoff_refresh_families SET parent_sha256 = token_sha256, "
    "token_sha256 = :successor_sha256, used_at = :now, expires_at = :expires_at, "
    "forget_at = :forget_at WHERE handle_sha256 = :handle_sha256 "
    "AND token_sha256 = :presented_sha256 AND NOT ended AND expires_at > :now "
    "RETURNING token_sha256",
    "token_sha256",
)
_FIND_STATE = Statement(
    f"SELECT {', '.join(FamilyState._fields)} "  # noqa: S608 - names of fields
    "FROM handoff_refresh_families WHERE handle_sha256 = :handle_sha256",
    *FamilyState._fields,
)
_END_REUSED = Statement(
    "UPDATE handoff_refresh_families SET ended = true "
    "WHERE handle_sha256 = :handle_sha256 AND NOT ended RETURNING family_id",
    "family_id",
)
_FAMILIES_OF = Statement(
    f"SELECT {', '.join(_FAMILY)} FROM handoff_refresh_families "  # noqa: S608 - names of fields
    "WHERE subject = :subject AND NOT ended AND expires_at > :now "
    "ORDER BY used_at DESC, family_id",
    *_FAMILY,
)
_SWEEP = sweeping("handoff_refresh_families", "family_id", "forget_at")


def refresh_table(metadata: MetaData) -> Table:
    """Describe ``handoff_refresh_families``, for an application that creates its own tables."""
    return Table(
        "handoff_refresh_families",
        metadata,
        Column("family_id", String(FAMILY_ID_LENGTH), primary_key=True),
        Column("client_id", String(128), nullable=False),
        Column("subject", String(255), nullable=False),
        Column("session_id", String(255), nullable=False),
        Column("auth_time", BigInteger, nullable=False),
        Column("scope", String(LONGEST_SCOPE), nullable=False),
        Column("audience", String(1024), nullable=False),
        Column("access_scope", String(LONGEST_SCOPE), nullable=False),
        Column("started_at", BigInteger, nullable=False),
        Column("used_at", BigInteger, nullable=False),
        Column("handle_sha256", String(64), nullable=False, unique=True),
        Column("token_sha256", String(64), nullable=False),
        Column("parent_sha256", String(64)),  # none before the first use
        Column("expires_at", BigInteger, nullable=False),
        Column("forget_at", BigInteger, nullable=False),
        Column("ended", Boolean, nullable=False),
        Index("handoff_refresh_families_by_subject", "subject"),
        Index("handoff_refresh_families_by_forget_at", "forget_at"),
    )


_table = refresh_table(MetaData())


class SQLRefreshStore(RevocableStore):
    """Keeps families in one table, ``handoff_refresh_families``.

    See ``SQLStore`` and ``RefreshStore``.

    With a *transaction*, a token is exchanged in the one in which the application is asked whose
    it is, and ended in the one in which the application ends what it belongs to.
    """

    unavailable = RefreshStoreUnavailableError
    tables = (refresh_table,)
    revoked = (
        "SELECT 'the refresh tokens beside this access token have ended' AS reason "  # noqa: S608
        "FROM handoff_refresh_families "
        f"WHERE family_id = substr(:jwt_id, 1, {FAMILY_ID_LENGTH}) AND ended"
    )

    def start(
        self,
        family: RefreshFamily,
        *,
        handle_sha256: str,
        token_sha256: str,
        expires_at: int,
        forget_at: int,
        now: int,
    ) -> None:
        """Keep a new family, see ``RefreshStore.start``."""
        row = {
            **family._asdict(),
            **{name: int(getattr(family, name).timestamp()) for name in _INSTANTS},
            **{name: " ".join(sorted(getattr(family, name))) for name in _SCOPES},
            "handle_sha256": handle_sha256,
            "token_sha256": token_sha256,
            "expires_at": expires_at,
            "forget_at": forget_at,
        }
        with self._writing() as connection:
            _START.rows(connection, **row)
            _SWEEP.rows(connection, now=now)

    def find(self, handle_sha256: str) -> RefreshFamily:
        """Return the family of a handle, see ``RefreshStore.find``."""
        rows = self._read_rows(_FIND, handle_sha256=handle_sha256)
        if not rows:
            raise unknown()
        return _family(rows[0]._asdict())

    def rotate(
        self,
        handle_sha256: str,
        presented_sha256: str,
        successor_sha256: str,
        *,
        grace: int,
        expires_at: int,
        forget_at: int,
        now: int,
    ) -> str:
        """Replace the newest token of a family, once, see ``RefreshStore.rotate``."""
        presented = {"handle_sha256": handle_sha256, "presented_sha256": presented_sha256}
        made = {"successor_sha256": successor_sha256, "expires_at": expires_at}
        with self._writing() as connection:
            row = _ROTATE.row(connection, **presented, **made, forget_at=forget_at, now=now)
            if row is not None:
                return str(row.token_sha256)
            try:
                return _newest_again(connection, **presented, grace=grace, now=now)
            except RefreshTokenInvalidError as error:
                refusal = error  # and what was ended is committed
        raise refusal

    def good_until(self, handle_sha256: str, presented_sha256: str, *, grace: int, now: int) -> int:
        """Return until when a token is good, see ``RefreshStore.good_until``."""
        with self._reading() as connection:
            row = _FIND_STATE.row(connection, handle_sha256=handle_sha256)
        if row is None:
            raise unknown()
        return good_until(FamilyState(*row), presented_sha256, grace=grace, now=now)

    def end(
        self,
        *,
        family_id: str | None = None,
        subject: str | None = None,
        client_id: str | None = None,
    ) -> Sequence[RefreshFamily]:
        """End families, see ``RefreshStore.end``."""
        given = {"family_id": family_id, "subject": subject, "client_id": client_id}
        if not any(given.values()):
            raise ValueError("neither a family nor an account nor a client is named")
        which = [_table.c[name] == value for name, value in given.items() if value is not None]
        ending = update(_table).where(*which, _table.c.ended.is_(False)).values(ended=True)
        with self._writing() as connection:
            rows = connection.execute(ending.returning(*(_table.c[name] for name in _FAMILY)))
            return [_family(row._asdict()) for row in rows]

    def families_of(self, subject: str, *, now: int) -> Sequence[RefreshFamily]:
        """Return the living families of an account, see ``RefreshStore.families_of``."""
        rows = self._read_rows(_FAMILIES_OF, subject=subject, now=now)
        return [_family(row._asdict()) for row in rows]

    def ready(self) -> None:
        """Return when the table is there and can be written to, see ``RefreshStore.ready``."""
        with self._writing() as connection:
            # Nothing expired before 1970: this changes no row, yet fails where a family would.
            _SWEEP.rows(connection, now=0)


def _newest_again(
    connection: Connection, *, handle_sha256: str, presented_sha256: str, grace: int, now: int
) -> str:
    """Return the newest token's hash, see ``newest_again``, or end the family."""
    row = _FIND_STATE.row(connection, handle_sha256=handle_sha256)
    if row is None:
        raise unknown()
    try:
        return newest_again(FamilyState(*row), presented_sha256, grace=grace, now=now)
    except RefreshTokenReusedError:
        if _END_REUSED.row(connection, handle_sha256=handle_sha256) is None:
            raise ended() from None  # by another request, which says so
        raise


def _family(row: dict[str, Any]) -> RefreshFamily:
    row |= {name: datetime.fromtimestamp(row[name], UTC) for name in _INSTANTS}
    row |= {name: frozenset(row[name].split()) for name in _SCOPES}
    return RefreshFamily(**row)
