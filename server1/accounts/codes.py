"""Codes: what lets a client act for a user, with the access tokens that come of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import Flask, current_app

from flask_handoff.claims import CodeGrant
from flask_handoff.errors import CodeReplayedError
from flask_handoff.profiles import ACCESS
from flask_handoff.stores import CodeStore, RevokedTokenStore
from flask_handoff.stores.sql import SQLCodeStore
from server1 import clock, revocation_notices
from server1.db import metadata

_EXTENSION = "server1.accounts.codes"
_REVOKED = "server1.accounts.revoked_tokens"
_JWT_ID = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)
_LONGEST_LIFE = ACCESS.lifetime + ACCESS.leeway + timedelta(seconds=70)


class AccountCodeStore(SQLCodeStore):
    """The library's store in SERVER1's database; APIs are notified when a code is used twice."""

    def redeem(self, code_sha256: str, *, now: int) -> CodeGrant:
        """Win a code, once, see ``CodeStore.redeem``."""
        try:
            return super().redeem(code_sha256, now=now)
        except CodeReplayedError as error:
            if error.jwt_id is not None:
                with self._writing() as connection:
                    revoke_token_id(connection, error.jwt_id)
            raise


def init_app(app: Flask, store: CodeStore, revoked: RevokedTokenStore) -> None:
    """Have the application keep its codes in *store*, which is lent its transactions.

    Args:
        revoked: Keeps which access tokens were revoked one by one.
    """
    app.extensions[_EXTENSION] = store
    app.extensions[_REVOKED] = revoked


def codes() -> CodeStore:
    """Return the store of the current application."""
    store: CodeStore = current_app.extensions[_EXTENSION]
    return store


def end_codes_of_everybody(connection: sa.Connection) -> None:
    """End every code there is."""
    kept = metadata.tables["handoff_codes"].c
    for client_id in connection.execute(sa.select(kept.client_id).distinct()).scalars().all():
        codes().end(client_id=client_id)


def revoke_token_id(connection: sa.Connection, unverified_jwt_id: str) -> datetime:
    """Revoke the access token of this ``jti``, and return the second after it was issued at most.

    Raises:
        ValueError: No token of ours has such a one; the text may be shown.
    """
    if _JWT_ID.fullmatch(unverified_jwt_id) is None:
        raise ValueError("A jti of ours is 22 to 64 letters, digits, - and _.")
    revoked: RevokedTokenStore = current_app.extensions[_REVOKED]
    now = clock.now()
    expires_at = now + _LONGEST_LIFE  # at the latest
    forget_at = int(expires_at.timestamp())
    if revoked.revoke(unverified_jwt_id, forget_at=forget_at, now=int(now.timestamp())):
        revocation_notices.enqueue(connection, "jti", [unverified_jwt_id], expires_at)
    return now.replace(microsecond=0) + timedelta(seconds=1)
