"""Keeps which access tokens were revoked one by one, until none of them could be used."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table

from flask_handoff.errors import RevokedTokenStoreUnavailableError
from flask_handoff.stores.statements import Statement

from .revocable import RevocableStore
from .store import sweeping

_REVOKE = Statement(
    "INSERT INTO handoff_revoked_tokens (jwt_id, forget_at) VALUES (:jwt_id, :forget_at) "
    "ON CONFLICT DO NOTHING RETURNING jwt_id",
    "jwt_id",
)
_SWEEP = sweeping("handoff_revoked_tokens", "jwt_id", "forget_at")


def revoked_token_table(metadata: MetaData) -> Table:
    """Describe ``handoff_revoked_tokens``, for an application that creates its own tables."""
    return Table(
        "handoff_revoked_tokens",
        metadata,
        Column("jwt_id", String(64), primary_key=True),
        Column("forget_at", BigInteger, nullable=False),
        Index("handoff_revoked_tokens_by_forget_at", "forget_at"),
        sqlite_with_rowid=False,
    )


class SQLRevokedTokenStore(RevocableStore):
    """Keeps one row a token in ``handoff_revoked_tokens``; see ``SQLStore``, ``RevokedTokenStore``.

    With a *transaction*, a token is revoked in the one in which the application is told.
    """

    unavailable = RevokedTokenStoreUnavailableError
    tables = (revoked_token_table,)
    revoked = (
        "SELECT 'the client of this access token has revoked it' AS reason "
        "FROM handoff_revoked_tokens WHERE jwt_id = :jwt_id"
    )

    def revoke(self, jwt_id: str, *, forget_at: int, now: int) -> bool:
        """Revoke an access token, see ``RevokedTokenStore.revoke``."""
        with self._writing() as connection:
            row = _REVOKE.row(connection, jwt_id=jwt_id, forget_at=forget_at)
            _SWEEP.rows(connection, now=now)
        return row is not None

    def ready(self) -> None:
        """Return when the table is there and can be written to, see ``RevokedTokenStore.ready``."""
        with self._writing() as connection:
            # Nothing expired before 1970: this changes no row, yet fails where a token would.
            _SWEEP.rows(connection, now=0)
