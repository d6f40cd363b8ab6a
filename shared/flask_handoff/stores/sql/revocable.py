"""What the SQL stores have in common that know which access tokens are revoked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeGuard

from sqlalchemy import Engine

from flask_handoff.errors import TokenRevokedError
from flask_handoff.stores.ports import RevocationStore
from flask_handoff.stores.statements import Statement

from .store import Begin, SQLStore


class _Revocations(NamedTuple):
    read_rows: Callable[..., Sequence[Any]]
    statement: Statement

    def check_not_revoked(self, jwt_id: str) -> None:
        for row in self.read_rows(self.statement, jwt_id=jwt_id):
            raise TokenRevokedError(row.reason)


class RevocableStore(SQLStore):
    """A store that knows by the ``jti`` of an access token whether it is dead."""

    revoked: ClassVar[str]
    """A SELECT that finds for ``:jwt_id`` the ``reason`` why it is; no row where it lives."""

    def __init__(
        self, engine: Engine, *, transaction: Begin | None = None, reading: Begin | None = None
    ) -> None:
        super().__init__(engine, transaction=transaction, reading=reading)
        self._revocations = self._asked(self)

    def check_not_revoked(self, jwt_id: str) -> None:
        """Check that an access token lives, see ``RevocationStore``."""
        self._revocations.check_not_revoked(jwt_id)

    def together_with(self, others: Sequence[RevocationStore]) -> RevocationStore | None:
        """Return what asks this store and *others* in one statement.

        None where they share no transaction, or one of them has a check of its own.
        """
        alike = [each for each in (self, *others) if self._is_asked_like(each)]
        return self._asked(*alike) if len(alike) > len(others) else None

    def _is_asked_like(self, other: RevocationStore) -> TypeGuard[RevocableStore]:
        return (
            isinstance(other, RevocableStore)
            and type(other).check_not_revoked is RevocableStore.check_not_revoked
            and other._read == self._read
        )

    def _asked(self, *stores: RevocableStore) -> _Revocations:
        statement = Statement(" UNION ALL ".join(each.revoked for each in stores), "reason")
        return _Revocations(self._read_rows, statement)
