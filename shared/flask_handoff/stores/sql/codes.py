"""Keeps what authorization codes stand for, and which of them were used twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    MetaData,
    String,
    Table,
    delete,
    update,
)

from flask_handoff.claims import CodeGrant
from flask_handoff.errors import (
    CodeInvalidError,
    CodeReplayedError,
    CodeStoreUnavailableError,
)
from flask_handoff.profiles import LONGEST_SCOPE
from flask_handoff.stores.ended import ending
from flask_handoff.stores.statements import Statement

from .revocable import RevocableStore
from .store import sweeping

_GRANT = CodeGrant._fields
_INSERTED = ("code_sha256", *_GRANT, "expires_at", "forget_at")

_KEEP = Statement(
    f"INSERT INTO handoff_codes ({', '.join(_INSERTED)}, redeemed, replayed) "  # noqa: S608
    f"VALUES ({', '.join(f':{name}' for name in _INSERTED)}, false, false)"
)
# One statement decides: of two requests with one code, the second finds it redeemed.
_REDEEM = Statement(
    "UPDATE handoff_codes SET redeemed = true "  # noqa: S608 - names of fields
    "WHERE code_sha256 = :code_sha256 AND NOT redeemed AND expires_at > :now "
    f"RETURNING {', '.join(_GRANT)}",
    *_GRANT,
)
_REPLAY = Statement(
    "UPDATE handoff_codes SET replayed = true "
    "WHERE code_sha256 = :code_sha256 AND redeemed RETURNING jwt_id",
    "jwt_id",
)
_SWEEP = sweeping("handoff_codes", "code_sha256", "forget_at")


def code_table(metadata: MetaData) -> Table:
    """Describe the table ``handoff_codes``, for an application that creates its own tables."""
    return Table(
        "handoff_codes",
        metadata,
        Column("code_sha256", String(64), primary_key=True),
        Column("client_id", String(128), nullable=False),
        Column("redirect_uri", String(1024), nullable=False),
        Column("code_challenge", String(43)),
        Column("nonce", String(255)),
        Column("subject", String(255), nullable=False),
        Column("session_id", String(255), nullable=False),
        Column("auth_time", BigInteger, nullable=False),
        Column("scope", String(LONGEST_SCOPE), nullable=False),
        Column("audience", String(1024), nullable=False),
        Column("access_scope", String(LONGEST_SCOPE), nullable=False),
        Column("jwt_id", String(64), nullable=False, unique=True),
        Column("issued_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("forget_at", BigInteger, nullable=False),
        Column("redeemed", Boolean, nullable=False),
        Column("replayed", Boolean, nullable=False),
        Index("handoff_codes_by_forget_at", "forget_at"),
    )


_table = code_table(MetaData())


class SQLCodeStore(RevocableStore):
    """Keeps codes in one table, ``handoff_codes``; see ``SQLStore`` and ``CodeStore``.

    With a *transaction*, a code is kept in the one in which the application grants it, and redeemed
    in the one in which it is asked whose it is.
    """

    unavailable = CodeStoreUnavailableError
    tables = (code_table,)
    revoked = (
        "SELECT 'the code of this access token was used twice, or ended' AS reason "
        "FROM handoff_codes WHERE jwt_id = :jwt_id AND replayed"
    )

    def keep(
        self, code_sha256: str, grant: CodeGrant, *, expires_at: int, forget_at: int, now: int
    ) -> None:
        """Keep what a code stands for, see ``CodeStore.keep``."""
        row = {
            **grant._asdict(),
            "code_sha256": code_sha256,
            "expires_at": expires_at,
            "forget_at": forget_at,
            "auth_time": int(grant.auth_time.timestamp()),
            "issued_at": int(grant.issued_at.timestamp()),
            "scope": " ".join(sorted(grant.scope)),
            "access_scope": " ".join(sorted(grant.access_scope)),
        }
        with self._writing() as connection:
            _KEEP.rows(connection, **row)
            _SWEEP.rows(connection, now=now)

    def redeem(self, code_sha256: str, *, now: int) -> CodeGrant:
        """Win a code, once, see ``CodeStore.redeem``."""
        with self._writing() as connection:
            row = _REDEEM.row(connection, code_sha256=code_sha256, now=now)
            replayed = row is None and _REPLAY.row(connection, code_sha256=code_sha256)
        if row is not None:
            return _grant(row._asdict())
        if replayed:
            raise CodeReplayedError("the code was used before", jwt_id=replayed.jwt_id)
        raise CodeInvalidError("the code is unknown, or has expired")

    def end(
        self,
        *,
        subject: str | None = None,
        client_id: str | None = None,
        audience: str | None = None,
    ) -> None:
        """End codes and what came of them, see ``CodeStore.end``."""
        wanted = ending(subject=subject, client_id=client_id, audience=audience)
        which = [_table.c[name] == value for name, value in wanted.items()]
        with self._writing() as connection:
            # In this order: a code that is being redeemed is waited for, and its tokens end then.
            connection.execute(delete(_table).where(*which, _table.c.redeemed.is_(False)))
            redeemed = update(_table).where(*which, _table.c.redeemed.is_(True))
            connection.execute(redeemed.values(replayed=True))

    def ready(self) -> None:
        """Return when the table is there and can be written to, see ``CodeStore.ready``."""
        with self._writing() as connection:
            # Nothing expired before 1970: this changes no row, yet fails where a code would.
            _SWEEP.rows(connection, now=0)


def _grant(row: dict[str, Any]) -> CodeGrant:
    for name in ("auth_time", "issued_at"):
        row[name] = datetime.fromtimestamp(row[name], UTC)
    for name in ("scope", "access_scope"):
        row[name] = frozenset(row[name].split())
    return CodeGrant(**row)
