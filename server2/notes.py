"""Notes: the operation that people come to SERVER2 for."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
)
from werkzeug.wrappers import Response

from flask_service.database import Instant, database

from .accounts import Account, accounts
from .db import current_time, metadata
from .sessions import Session, required_session

READ, WRITE = "notes:read", "notes:write"
LONGEST = 2000  # characters
PAGE = 20  # notes
HIGHEST_ID = 2**63 - 1  # what a database can compare with

notes = Table(
    "notes",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey(accounts.c.id), nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("notes_of_an_account", "account_id", "id"),
    # An id that came back would let an old page's button delete a new note.
    sqlite_autoincrement=True,
)

blueprint = Blueprint("notes", __name__)


class NoteTextError(ValueError):
    """The text cannot be kept as a note; the message tells its writer why."""


# Built once: building a statement takes longer than running it.
_NEWEST = (
    select(notes.c.id, notes.c.text, notes.c.created_at)
    .where(notes.c.account_id == bindparam("owner"), notes.c.id < bindparam("before"))
    .order_by(notes.c.id.desc())
    .limit(PAGE + 1)
)


@dataclass(frozen=True, slots=True)
class Note:
    """One note of one account."""

    id: int
    text: str
    created_at: datetime


@blueprint.get("/notes")
def list_notes() -> tuple[str, int]:
    """Show the notes of whoever is signed in, newest first."""
    return _page(required_session())


@blueprint.post("/notes")
def add_note() -> Response | tuple[str, int]:
    """Keep a new note, and go back to the list."""
    session = required_session()
    session.require(WRITE)
    unverified_text = request.form.get("text", "")
    try:
        note_text = check_text(unverified_text)
    except NoteTextError as error:
        return _page(session, typed=unverified_text, problem=str(error))
    note_id = _add(session.account, note_text)
    return redirect(url_for("notes.list_notes", _anchor=f"note-{note_id}"), 303)


@blueprint.post(f"/notes/<int(max={HIGHEST_ID}):note_id>/delete")
def delete_note(note_id: int) -> Response:
    """Delete one of one's own notes; somebody else's does not exist here."""
    session = required_session()
    session.require(WRITE)
    mine = (notes.c.id == note_id) & (notes.c.account_id == session.account.id)
    with database().writing() as connection:
        gone = connection.execute(delete(notes).where(mine).returning(notes.c.id)).one_or_none()
    if gone is None:
        abort(404)
    return redirect(url_for("notes.list_notes"), 303)


def check_text(unverified_text: str) -> str:
    """Return the text of a note as it is kept: its lines end in one newline.

    Raises:
        NoteTextError: It is empty, over 2,000 characters, or holds a control character.
    """
    text = unverified_text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise NoteTextError("A note needs some text.")
    if len(text) > LONGEST:
        raise NoteTextError(f"A note holds at most {LONGEST:,} characters; this has {len(text):,}.")
    if any(
        unicodedata.category(character) in {"Cc", "Cs"}
        for character in text
        if character not in "\n\t"
    ):
        raise NoteTextError("This text holds a control character, which a note cannot keep.")
    return text


def _page(session: Session, *, typed: str = "", problem: str | None = None) -> tuple[str, int]:
    may_read = READ in session.scope
    found = _newest(session.account, _before()) if may_read else []
    page = render_template(
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
    return page, 400 if problem else 200 if may_read else 403


def _before() -> int:
    unverified_id = request.args.get("before", str(HIGHEST_ID))
    if not (unverified_id.isascii() and unverified_id.isdigit() and len(unverified_id) <= 19):
        abort(400)
    return min(int(unverified_id), HIGHEST_ID)


def _newest(account: Account, before: int) -> list[Note]:
    with database().reading() as connection:
        rows = connection.execute(_NEWEST, {"owner": account.id, "before": before})
        return [Note(*row) for row in rows]


def _add(account: Account, text: str) -> int:
    values = {"account_id": account.id, "text": text, "created_at": current_time()}
    with database().writing() as connection:
        note_id: int = connection.execute(
            insert(notes).values(values).returning(notes.c.id)
        ).scalar_one()
    return note_id
