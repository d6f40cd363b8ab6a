"""The API as programs and people read about it, before they call it: an OpenAPI document."""

from __future__ import annotations

from typing import Any

from .notes import HIGHEST_ID, LONGEST, READ, WRITE

DEFAULT_LIMIT, HIGHEST_LIMIT = 20, 100  # notes on a page

_PROBLEM_TYPE = "application/problem+json"
_WHEN_AND_NEXT = "The newest notes first. A page that is not the last one names the next."
_TEXT = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]"
_BLANK = r"\s\u200b\u2060\ufeff\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069"  # see trimmed()
_CHALLENGE = {
    "WWW-Authenticate": {
        "description": "What is needed, or wrong (RFC 6750, section 3).",
        "schema": {"type": "string", "pattern": "^Bearer "},
    }
}
_ID = {
    "name": "note_id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 0, "maximum": HIGHEST_ID},
}


def _problem(description: str, **more: Any) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {_PROBLEM_TYPE: {"schema": schema}}, **more}


_RESPONSES: dict[str, Any] = {
    "Malformed": _problem("The request or its token is not of its form.", headers=_CHALLENGE),
    "Unauthorized": _problem(
        "No access token came, or one that is not good here. The log says why.", headers=_CHALLENGE
    ),
    "Forbidden": _problem("The token's scope does not hold what is needed.", headers=_CHALLENGE),
    "NotFound": _problem("The user has no such note."),
    "LengthRequired": _problem("The request does not say how long its body is."),
    "TooLarge": _problem("The body is over 16 KiB."),
    "UnsupportedMediaType": _problem("The body is not application/json, or encoded."),
    "Unprocessable": _problem("The body is JSON, and no note that can be kept."),
    "Unavailable": _problem(
        "The keys or the database are out of reach.",
        headers={"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
    ),
}
_OF_EVERY_REQUEST = {
    "400": "Malformed",
    "401": "Unauthorized",
    "403": "Forbidden",
    "411": "LengthRequired",
    "413": "TooLarge",
    "503": "Unavailable",
}
_SCHEMAS: dict[str, Any] = {
    "Note": {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 1, "maximum": HIGHEST_ID},
            "text": {"type": "string", "minLength": 1, "maxLength": LONGEST},
            "created_at": {"type": "string", "format": "date-time"},
        },
        "required": ["id", "text", "created_at"],
        "additionalProperties": False,
    },
    "NewNote": {
        "type": "object",
        "properties": {
            "text": {
                "type": "string",
                "description": "Not blank, without control characters but line ends and tabs.",
                "pattern": f"^{_TEXT}*{_TEXT[:-1]}{_BLANK}]{_TEXT}*$",
                "minLength": 1,
                "maxLength": LONGEST,
            }
        },
        "required": ["text"],
        "additionalProperties": False,
    },
    "Page": {
        "type": "object",
        "properties": {
            "notes": {"type": "array", "items": {"$ref": "#/components/schemas/Note"}},
            "next": {
                "type": ["string", "null"],
                "format": "uri",
                "description": "The address of the next page, in the header Link as well.",
            },
        },
        "required": ["notes", "next"],
        "additionalProperties": False,
    },
    "Problem": {
        "type": "object",
        "description": "RFC 9457.",
        "properties": {
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "request_id": {"type": "string", "description": "Stands in the log as well."},
            "error": {"type": "string", "description": "A code of RFC 6750, section 3.1."},
            "scope": {"type": "string", "description": "What the token has to allow."},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                    "required": ["pointer", "detail"],
                },
            },
        },
        "required": ["title", "status", "detail", "request_id"],
    },
}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, **schema}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _operation(
    summary: str, scope: str, done: dict[str, Any], *refused: tuple[str, str], **more: Any
) -> dict[str, Any]:
    others = {**_OF_EVERY_REQUEST, **dict(refused)}
    references = {
        status: {"$ref": f"#/components/responses/{name}"} for status, name in others.items()
    }
    return {
        "summary": summary,
        "security": [{"signIn": [scope]}],
        "responses": {**done, **references},
        **more,
    }


_PATHS: dict[str, Any] = {
    "/api/notes": {
        "get": _operation(
            "List the user's notes",
            READ,
            {"200": {"description": _WHEN_AND_NEXT, "content": _json("Page")}},
            operationId="list_notes",
            parameters=[
                _query("limit", "How many notes.", maximum=HIGHEST_LIMIT, default=DEFAULT_LIMIT),
                _query("before", "Only notes older than this id.", maximum=HIGHEST_ID),
            ],
        ),
        "post": _operation(
            "Add a note",
            WRITE,
            {
                "201": {
                    "description": "The new note.",
                    "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
                    "content": _json("Note"),
                }
            },
            ("415", "UnsupportedMediaType"),
            ("422", "Unprocessable"),
            operationId="add_note",
            requestBody={"required": True, "content": _json("NewNote")},
        ),
    },
    "/api/notes/{note_id}": {
        "parameters": [_ID],
        "get": _operation(
            "Show one note",
            READ,
            {"200": {"description": "The note.", "content": _json("Note")}},
            ("404", "NotFound"),
            operationId="show_note",
        ),
        "delete": _operation(
            "Delete one note",
            WRITE,
            {"204": {"description": "It is gone."}},
            ("404", "NotFound"),
            operationId="delete_note",
        ),
    },
}


def describe(base_url: str, issuer: str) -> dict[str, Any]:
    """Return the description of the API at *base_url*, for whose tokens one signs in at *issuer*.

    Sources: OpenAPI Specification 3.1; RFC 8631 (``service-desc``).
    """
    sign_in = {
        "type": "openIdConnect",
        "openIdConnectUrl": f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        "description": f"An access token for {base_url}, as Authorization: Bearer …",
    }
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Notes",
            "version": "1",
            "description": "The notes of the user whose access token comes along. A body is UTF-8, "
            "at most 16 KiB long.",
        },
        "servers": [{"url": base_url}],
        "paths": _PATHS,
        "components": {
            "schemas": _SCHEMAS,
            "responses": _RESPONSES,
            "securitySchemes": {"signIn": sign_in},
        },
    }
