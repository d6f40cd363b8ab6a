"""The API: a user's own notes for programs, which bring an access token and nothing else."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from flask import Blueprint, Flask, abort, current_app, request, url_for
from werkzeug.wrappers import Response

from flask_handoff import HandoffAPI, ReplayStore, problem_details
from flask_handoff.claims import Clock
from flask_handoff.stores.sql import SQLRevocationList
from flask_handoff.strict_json import StrictJSONError, load_strict_json
from flask_service.database import database, database_of

from .accounts import find_account_id, remember_account
from .api_description import DEFAULT_LIMIT, HIGHEST_LIMIT, describe
from .notes import (
    HIGHEST_ID,
    READ,
    WRITE,
    NoteTextError,
    check_text,
    find_note,
    insert_note,
    newest_notes,
    remove_note,
)

blueprint = Blueprint("api", __name__, url_prefix="/api")
handoff_api = HandoffAPI()

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)


def init_app(app: Flask, replay_store: ReplayStore, clock: Clock) -> None:
    """Add the API to the application.

    Raises:
        ConfigurationError: A setting is missing or wrong.
    """
    lent = database_of(app)
    revocations = SQLRevocationList(lent.engine, transaction=lent.writing, reading=lent.reading)
    handoff_api.init_app(app, revocation_list=revocations, replay_store=replay_store, clock=clock)
    app.register_blueprint(blueprint)


@blueprint.url_value_preprocessor
def check_note_id(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Answer 404 to an id that no note can have, and that no database can compare with."""
    # As a limit of the route it would be 405: Werkzeug then takes the other method's for a match.
    if values and values["note_id"] > HIGHEST_ID:
        abort(404)


@blueprint.get("/openapi.json")
def description() -> dict[str, Any]:
    """Describe the API (OpenAPI 3.1), for everybody."""
    return describe(_base_url(), str(current_app.config["HANDOFF_ISSUER"]))


@blueprint.get("/notes")
@handoff_api.require_token(scope=READ)
def list_notes() -> tuple[dict[str, Any], dict[str, str]]:
    """Return the user's notes, newest first, a page at a time.

    A page goes on below the last note of the one before it, so that none comes twice and none is
    missed, whatever is written meanwhile.
    """
    limit = _number("limit", highest=HIGHEST_LIMIT, default=DEFAULT_LIMIT)
    before = _number("before", highest=HIGHEST_ID, default=HIGHEST_ID)
    claims = handoff_api.claims()
    with database().reading() as connection:
        account_id = find_account_id(connection, claims.issuer, claims.subject)
        found = newest_notes(connection, account_id or 0, before=before, most=limit + 1)
    shown, more = found[:limit], len(found) > limit
    following = _url("list_notes", limit=limit, before=shown[-1].id) if more else None
    links = {"Link": f'<{following}>; rel="next"'} if following else {}
    return {"notes": [_document(note) for note in shown], "next": following}, links


@blueprint.post("/notes")
@handoff_api.require_token(scope=WRITE)
def add_note() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Keep a new note of the user, who may never have been here by a browser."""
    note_text = _sent_text()
    claims = handoff_api.claims()
    with database().writing() as connection:
        account_id = find_account_id(connection, claims.issuer, claims.subject)
        if account_id is None:
            account_id = remember_account(connection, claims.issuer, claims.subject)
        note = insert_note(connection, account_id, note_text)
    return _document(note), 201, {"Location": _url("show_note", note_id=note.id)}


@blueprint.get("/notes/<int:note_id>")
@handoff_api.require_token(scope=READ)
def show_note(note_id: int) -> dict[str, Any]:
    """Return one of the user's own notes; somebody else's does not exist here."""
    claims = handoff_api.claims()
    with database().reading() as connection:
        account_id = find_account_id(connection, claims.issuer, claims.subject)
        note = find_note(connection, account_id or 0, note_id)
    if note is None:
        abort(404)
    return _document(note)


@blueprint.delete("/notes/<int:note_id>")
@handoff_api.require_token(scope=WRITE)
def delete_note(note_id: int) -> tuple[str, int]:
    """Delete one of the user's own notes."""
    claims = handoff_api.claims()
    with database().writing() as connection:
        account_id = find_account_id(connection, claims.issuer, claims.subject)
        was_there = remove_note(connection, account_id or 0, note_id)
    if not was_there:
        abort(404)
    return "", 204


@blueprint.after_request
def name_the_description(response: Response) -> Response:
    """Say where the API is described (RFC 8631)."""
    response.headers.add("Link", f'<{_url("description")}>; rel="service-desc"')
    return response


def _document(note: Any) -> dict[str, Any]:
    return {"id": note.id, "text": note.text, "created_at": note.created_at.isoformat()}


def _base_url() -> str:
    return str(current_app.config["HANDOFF_BASE_URL"])


def _url(view: str, **values: Any) -> str:
    return _base_url() + url_for(f"api.{view}", **values)


def _number(name: str, *, highest: int, default: int) -> int:
    values = request.args.getlist(name)
    if not values:
        return default
    if len(values) > 1 or not _NUMBER.fullmatch(values[0]) or not 1 <= int(values[0]) <= highest:
        _refuse(400, f"{name}: expected one whole number from 1 to {highest}")
    return int(values[0])


def _sent_text() -> str:
    is_encoded = request.headers.get("Content-Encoding", "identity").lower() != "identity"
    if request.mimetype != "application/json" or is_encoded:
        _refuse(415, "A note is sent as application/json, without a Content-Encoding.")
    try:
        document = load_strict_json(request.get_data())
    except StrictJSONError as error:
        _refuse(400, f"The body is not strict JSON: {error}.")
    if type(document) is not dict or document.keys() != {"text"}:
        _refuse(422, 'Expected an object with the member "text", and no other.', pointer="#")
    if type(document["text"]) is not str:
        _refuse(422, "text: expected a string.", pointer="#/text")
    try:
        return check_text(document["text"])
    except NoteTextError as error:
        _refuse(422, str(error), pointer="#/text")


def _refuse(status: int, detail: str, *, pointer: str | None = None) -> NoReturn:
    where = {} if pointer is None else {"errors": [{"pointer": pointer, "detail": detail}]}
    abort(problem_details(status, detail, **where))
