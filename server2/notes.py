"""Notes: the operation that people come to SERVER2 for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from flask_handoff.stores.statements import Statement
from flask_service.database import Instant, database
from flask_service.human_text import NOT_IN_A_TEXT, has_any, trimmed

from .accounts import accounts
from .db import current_time, metadata
from .sessions import Session, required_session

READ, WRITE = "notes:read", "notes:write"
LONGEST = 2000  # characters
PAGE = 20  # notes
HIGHEST_ID = 2**63 - 1  # what a database can compare with

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("account_id", sa.BigInteger, sa.ForeignKey(accounts.c.id), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("notes_of_an_account", "account_id", "id"),
    # An id that came back would let an old page's button delete a new note.
    sqlite_autoincrement=True,
)

blueprint = Blueprint("notes", __name__)


class NoteTextError(ValueError):
    """The text cannot be kept as a note; the message tells its writer why."""


_COLUMNS = sa.select(notes.c.id, notes.c.text, notes.c.created_at)
# Built once: building a statement takes longer than running it.
_NEWEST = Statement(
    _COLUMNS.where(notes.c.account_id == sa.bindparam("owner"), notes.c.id < sa.bindparam("before"))
    .order_by(notes.c.id.desc())
    .limit(sa.bindparam("most"))
)


@blueprint.get("/notes")
def list_notes() -> tuple[str, int]:
    """Show the notes of the person who is signed in, newest first."""
    before = _before()
    with database().reading():
        session = required_session()
        found = _newest(session, before)
    return _page(session, found)


@blueprint.post("/notes")
def add_note() -> Response | tuple[str, int]:
    """Keep a new note, and go back to the list."""
    session = required_session()
    session.require(WRITE)
    unverified_text = request.form.get("text", "")
    try:
        note_text = check_text(unverified_text)
    except NoteTextError as error:
        return _page(session, _newest(session), typed=unverified_text, problem=str(error))
    with database().writing() as connection:
        note = insert_note(connection, session.account.id, note_text)
    return redirect(url_for("notes.list_notes", _anchor=f"note-{note.id}"), 303)


@blueprint.post(f"/notes/<int(max={HIGHEST_ID}):note_id>/delete")
def delete_note(note_id: int) -> Response:
    """Delete one of one's own notes; somebody else's does not exist here."""
    session = required_session()
    session.require(WRITE)
    with database().writing() as connection:
        was_there = remove_note(connection, session.account.id, note_id)
    if not was_there:
        abort(404)
    return redirect(url_for("notes.list_notes"), 303)


def check_text(unverified_text: str) -> str:
    """Return the text of a note as it is kept: its lines end in one newline.

    Raises:
        NoteTextError: It is empty, over 2,000 characters, or holds a control character.
    """
    text = unverified_text.replace("\r\n", "\n").replace("\r", "\n")
    if not trimmed(text):
        raise NoteTextError("A note needs some text.")
    if len(text) > LONGEST:
        raise NoteTextError(f"A note holds at most {LONGEST:,} characters; this has {len(text):,}.")
    if has_any(text.translate({ord(each): None for each in "\n\t"}), NOT_IN_A_TEXT):
        raise NoteTextError("This text holds a control character, which a note cannot keep.")
    return text


def newest_notes(
    connection: sa.Connection, account_id: int, *, before: int = HIGHEST_ID, most: int
) -> Sequence[Any]:
    """Return an account's newest notes, those older than the note *before*, at most so many."""
    return _NEWEST.rows(connection, owner=account_id, before=before, most=most)


def find_note(connection: sa.Connection, account_id: int, note_id: int) -> Any | None:
    """Return one of an account's notes; None where it has none of this id."""
    return connection.execute(_COLUMNS.where(*_mine(account_id, note_id))).one_or_none()


def insert_note(connection: sa.Connection, account_id: int, note_text: str) -> Any:
    """Keep a text that ``check_text`` has passed, and return the new note."""
    values = {"account_id": account_id, "text": note_text, "created_at": current_time()}
    added = sa.insert(notes).values(values).returning(*_COLUMNS.selected_columns)
    return connection.execute(added).one()


def remove_note(connection: sa.Connection, account_id: int, note_id: int) -> bool:
    """Delete one of an account's notes, and tell whether it was there."""
    gone = sa.delete(notes).where(*_mine(account_id, note_id)).returning(notes.c.id)
    return connection.execute(gone).one_or_none() is not None


def _mine(account_id: int, note_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return notes.c.id == note_id, notes.c.account_id == account_id


def _newest(session: Session, before: int = HIGHEST_ID) -> Sequence[Any]:
    if READ not in session.scope:
        return ()
    with database().reading() as connection:
        return newest_notes(connection, session.account.id, before=before, most=PAGE + 1)


def _page(
    session: Session, found: Sequence[Any], *, typed: str = "", problem: str | None = None
) -> tuple[str, int]:
    may_read = READ in session.scope
    html = render_template(
        "notes.html",
        notes=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        first_page="before" not in request.args,
        may_read=may_read,
        may_write=WRITE in session.scope,
        typed=typed,
        problem=problem,
        longest=LONGEST,
    )
    return html, 400 if problem else 200 if may_read else 403


def _before() -> int:
    unverified_id = request.args.get("before", str(HIGHEST_ID))
    if not (unverified_id.isascii() and unverified_id.isdigit() and len(unverified_id) <= 19):
        abort(400)
    return min(int(unverified_id), HIGHEST_ID)
