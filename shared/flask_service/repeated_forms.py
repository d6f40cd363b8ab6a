"""Forms that are sent twice: of two equal requests the second is answered like the first.

A double click sends a form again before the first answer has come, and what the first one did
cannot be done again, or must not. The forms of each page have a token of their own, so an equal
request is the same form, filled in alike. It waits until the first is answered, by any process.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import after_this_request, redirect, session
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from .current import this_request
from .database import Instant, database, insert_into, sweep
from .session_cookie import IN_EACH_COOKIE, give_session_id, replace_cookie

REMEMBERED_FOR = timedelta(minutes=1)
LONGEST_WAIT = timedelta(seconds=5)
_PAUSE = 0.05  # seconds between two looks

_DONE = 303
_log = logging.getLogger(__name__)


def sent_forms_table(metadata: sa.MetaData) -> sa.Table:
    """Describe the table of the forms that were sent within the last minute."""
    return sa.Table(
        "sent_forms",
        metadata,
        # Of all that was sent, passwords included: nobody can guess the token among it.
        sa.Column("form_sha256", sa.String(64), primary_key=True),
        # Where the answer leads; none yet while the form is being handled.
        sa.Column("location", sa.Text),
        sa.Column("kept", sa.Text),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Index("sent_forms_by_expires_at", "expires_at"),
    )


@dataclass(frozen=True, slots=True)
class Repeats:
    """Finds out whether a form was sent before, and answers then.

    Args:
        table: From ``sent_forms_table``, in the application's database.
        clock: Tells the time.
        session_reference: Names the session of this request's browser, by which nobody else can
            use it; None where it has none.
        reopen_session: Returns a new session id for the session of that name; None where it has
            ended. The cookie of the first answer may never have reached the browser.
    """

    table: sa.Table
    clock: Callable[[], datetime]
    session_reference: Callable[[], str | None]
    reopen_session: Callable[[str], str | None]

    def answer_old_form(self) -> Response | None:
        """Answer a form whose token is not this session's, if it was sent before and taken."""
        found = self._await_answer(_form_sha256())
        return None if found is None else redirect(_opened(found.location, "location"), _DONE)

    def answer_repeat(self) -> Response | None:
        """Answer a form whose token is this session's, if it was sent before; else remember it."""
        form_sha256 = _form_sha256()
        if not self._claim(form_sha256):
            found = self._await_answer(form_sha256)
            if found is not None:
                if found.kept is not None:
                    self._restore_cookie(json.loads(_opened(found.kept, "kept")))
                return redirect(_opened(found.location, "location"), _DONE)
            # It was refused, or it takes too long; as it was sent again, it is handled again.
            self._claim(form_sha256)
        after_this_request(lambda response: self._note_answer(form_sha256, response))
        return None

    def _claim(self, form_sha256: str) -> bool:
        now, columns = self.clock(), self.table.c
        with database().writing() as connection:
            claimed = connection.execute(
                insert_into(connection, self.table)
                .values(form_sha256=form_sha256, expires_at=now + REMEMBERED_FOR)
                .on_conflict_do_update(
                    index_elements=[columns.form_sha256],
                    set_={"location": None, "kept": None, "expires_at": now + REMEMBERED_FOR},
                    where=sa.not_(self._is_remembered(now)),
                )
                .returning(columns.form_sha256)
            )
            is_first = claimed.one_or_none() is not None
            sweep(connection, self.table, sa.not_(self._is_remembered(now)))
        return is_first

    def _await_answer(self, form_sha256: str) -> Any | None:
        """Return the row of the first answer; None where there is none, or not in time."""
        columns = self.table.c
        query = sa.select(columns.location, columns.kept).where(columns.form_sha256 == form_sha256)
        deadline = time.monotonic() + LONGEST_WAIT.total_seconds()
        while time.monotonic() < deadline:
            with database().reading() as connection:
                remembered = query.where(self._is_remembered(self.clock()))
                found = connection.execute(remembered).one_or_none()
            if found is None or found.location is not None:
                return found
            time.sleep(_PAUSE)
        return None

    def _note_answer(self, form_sha256: str, response: Response) -> Response:
        this_one = self.table.c.form_sha256 == form_sha256
        try:
            if response.status_code == _DONE:
                kept = _sealed(json.dumps(self._kept_of_cookie()), "kept")
                change: Any = sa.update(self.table).values(
                    location=_sealed(response.location or "", "location"),
                    kept=kept if session.modified else None,
                )
            else:
                change = sa.delete(self.table)  # it was refused, and may be sent again
            with database().writing() as connection:
                connection.execute(change.where(this_one))
        except SQLAlchemyError as error:  # what was asked for is done all the same
            _log.warning("a form that was sent is not remembered (%s)", type(error).__name__)
        return response

    def _kept_of_cookie(self) -> dict[str, Any]:
        # Neither the session id nor the CSRF token: they are in no database.
        others = {name: value for name, value in session.items() if name not in IN_EACH_COOKIE}
        return {"session": self.session_reference(), "others": others}

    def _restore_cookie(self, kept: dict[str, Any]) -> None:
        reference = kept["session"]
        if reference is not None and self.session_reference() == reference:
            return
        session_id = None if reference is None else self.reopen_session(reference)
        replace_cookie()
        if session_id is not None:
            give_session_id(session_id)
        session.update(kept["others"])

    def _is_remembered(self, now: datetime) -> sa.ColumnElement[bool]:
        # A clock that was set back must not keep a row for longer.
        expires_at = self.table.c.expires_at
        return (expires_at > now) & (expires_at <= now + REMEMBERED_FOR)


def _form_sha256() -> str:
    return hashlib.sha256(_sent()).hexdigest()


def _sent() -> bytes:
    request = this_request()
    return json.dumps([request.full_path, *sorted(request.form.items(multi=True))]).encode()


def _sealed(text: str, what: str) -> str:
    """Seal what is kept of an answer: it may hold a request that a client has sent.

    Only who sends the equal form can open it: the database has no more of that than its hash.
    """
    return b64encode(_padded(text.encode(), what)).decode()


def _opened(sealed: str, what: str) -> str:
    return _padded(b64decode(sealed), what).decode()


def _padded(octets: bytes, what: str) -> bytes:
    pad = hashlib.shake_256(f"{what}\0".encode() + _sent()).digest(len(octets))
    return bytes(a ^ b for a, b in zip(octets, pad, strict=True))
