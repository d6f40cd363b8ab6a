"""App access: what a program may do while its user is away, until it ends.

Each is one family of refresh tokens, in the library's store. A sign-out of one browser ends none;
what ends all sessions of an account ends them as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app

from flask_handoff import Client
from flask_handoff.claims import RefreshFamily
from flask_handoff.errors import CodeInvalidError
from flask_handoff.stores import RefreshStore
from flask_handoff.stores.ports import FAMILY_ID_LENGTH
from flask_handoff.stores.sql import SQLRefreshStore
from flask_handoff.stores.statements import Statement
from server1 import audit, clock, revocation_notices
from server1.audit import EndReason, Event
from server1.db import metadata

from .client_sessions import hold_client_session
from .consents import consents
from .sessions import SessionExpiredError
from .users import User, from_row, users
from .valid_after import TRUSTED_AHEAD

MOST_OF_ONE_CLIENT = 50
"""How often one program has access to one account: on as many devices, or by as many sign-ins."""

_EXTENSION = "server1.accounts.app_access"
_FAMILY_ID = re.compile(rf"[A-Za-z0-9_-]{{{FAMILY_ID_LENGTH}}}", re.ASCII)


class AppAccessEndedError(LookupError):
    """The account is disabled or gone, or its user did not agree to access while they are away."""


class AccessStore(SQLRefreshStore):
    """The library's store in SERVER1's database, and what else holds for a new access here."""

    def start(self, family: RefreshFamily, **more: Any) -> None:
        """Keep a new family, and end those of its client that were used least lately, beyond 50.

        Its session is held until the transaction has ended: who ends all access finds this one too.

        Raises:
            CodeInvalidError: The session has ended meanwhile.
        """
        try:
            with self._reading() as connection:
                hold_client_session(connection, sid=family.session_id, client_id=family.client_id)
        except SessionExpiredError:
            raise CodeInvalidError("the session that granted the code ended meanwhile") from None
        super().start(family, **more)
        living = self.families_of(family.subject, now=more["now"])
        of_client = [one for one in living if one.client_id == family.client_id]
        for one in of_client[MOST_OF_ONE_CLIENT:]:
            with self._writing() as connection:
                _record(connection, self.end(family_id=one.family_id), EndReason.TOO_MANY)

    def end(
        self,
        *,
        family_id: str | None = None,
        subject: str | None = None,
        client_id: str | None = None,
    ) -> Sequence[RefreshFamily]:
        """End families, see ``RefreshStore.end``; APIs are notified where a user's are meant.

        Who ends all of a client's notifies them of the client.
        """
        ended = super().end(family_id=family_id, subject=subject, client_id=client_id)
        if family_id is not None or subject is not None:
            with self._writing() as connection:
                notify_of_families(connection, ended)
        return ended


def notify_of_families(connection: sa.Connection, ended: Iterable[RefreshFamily]) -> None:
    """Notify APIs that the access tokens of these families are dead, for good.

    A machine whose clock is ahead may have dated one later than now.
    """
    dated = clock.now().replace(microsecond=0) + TRUSTED_AHEAD
    names = [family.family_id for family in ended]
    revocation_notices.enqueue(connection, "family_id", names, dated)


def init_app(app: Flask, store: RefreshStore) -> None:
    """Have the application keep the families in *store*."""
    app.extensions[_EXTENSION] = store


def access_of(subject: str, now: datetime) -> Sequence[RefreshFamily]:
    """Return which programs have access to an account, the one that was used last first."""
    return _store().families_of(subject, now=int(now.timestamp()))


def end_access_of(
    connection: sa.Connection, user: User, unverified_family_id: str, reason: EndReason
) -> None:
    """End one access to an account, if there is such a one."""
    # What is no reference is not looked for: PostgreSQL takes no text with a NUL in it.
    if _FAMILY_ID.fullmatch(unverified_family_id) is not None:
        ended = _store().end(family_id=unverified_family_id, subject=user.subject)
        _record(connection, ended, reason)


def end_all_access(
    connection: sa.Connection, subject: str, reason: EndReason, *, client_id: str | None = None
) -> None:
    """End every access to an account; of one client, where it is named.

    Call it after the sessions that end with it are locked or gone: what a code brings that is
    exchanged in this moment is there by then, or it brings nothing.
    """
    _record(connection, _store().end(subject=subject, client_id=client_id), reason)


def end_access_of_client(client_id: str) -> int:
    """End every access of one client, and return how many accounts it had access to."""
    # No event for each: the client's own is recorded, and there may be very many.
    return len({family.subject for family in _store().end(client_id=client_id)})


def end_access_of_everybody(connection: sa.Connection) -> None:
    """End every access there is."""
    families = metadata.tables["handoff_refresh_families"].c
    for client_id in connection.execute(sa.select(families.client_id).distinct()).scalars().all():
        _store().end(client_id=client_id)


_FIND = Statement(
    sa.select(users, consents.c.scope)
    .join_from(
        users,
        consents,
        (consents.c.subject == users.c.subject)
        & (consents.c.client_id == sa.bindparam("of_client")),
        isouter=True,
    )
    .where(users.c.subject == sa.bindparam("of_subject"), users.c.disabled.is_(False))
)


def user_of_access(connection: sa.Connection, client: Client, subject: str) -> User:
    """Return the user whom a program acts for while they are away.

    Raises:
        AppAccessEndedError: It may not, or not any more.
    """
    # Without a lock: who withdraws a consent waits for the row of the family, and then ends it.
    found = _FIND.row(connection, of_client=client.client_id, of_subject=subject)
    if found is None:
        raise AppAccessEndedError("the account is disabled or gone")
    if not client.first_party and "offline_access" not in (found.scope or "").split():
        raise AppAccessEndedError("the user did not agree to it, or withdrew that")
    return from_row(found._asdict())


def _record(connection: sa.Connection, ended: Sequence[RefreshFamily], reason: EndReason) -> None:
    for family in ended:
        audit.record(
            connection,
            Event.APP_ACCESS_ENDED,
            subject=family.subject,
            client_id=family.client_id,
            detail=f"app {family.family_id}",
            reason=reason,
        )


def _store() -> RefreshStore:
    store: RefreshStore = current_app.extensions[_EXTENSION]
    return store
