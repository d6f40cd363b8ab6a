"""Two APIs, each with a route that needs an access token and the same route without.

``create_app`` is the least that there is. ``create_notes`` is SERVER2, and its ``GET /api/notes``.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flask import Flask, g

import server2
from benchmarks.answers import answer
from flask_handoff import HandoffAPI
from flask_handoff.claims import AccessClaims
from server2.api import blueprint, list_notes
from server2.notes import READ


def create_app() -> Flask:
    app = Flask(__name__)
    settings = ("HANDOFF_ISSUER", "HANDOFF_BASE_URL", "HANDOFF_PINNED_KEYS")
    app.config.update({name: os.environ[name] for name in settings})
    api = HandoffAPI()
    api.init_app(app)
    # A view of its own: the extension lets no protected one be open as well.
    app.add_url_rule("/open", "open", lambda: answer())
    app.add_url_rule("/notes", "notes", api.require_token(scope=READ)(answer))
    return app


def create_notes() -> Flask:
    issued_at = datetime.now(UTC)
    claims = AccessClaims(
        issuer=os.environ["HANDOFF_ISSUER"],
        subject="u" * 22,
        audience=os.environ["HANDOFF_BASE_URL"],
        client_id="program",
        scope=frozenset({READ}),
        session_id=None,
        issued_at=issued_at,
        expires_at=issued_at + timedelta(minutes=10),
        jwt_id="j" * 43,
        kid="k",
    )
    view = cast(Any, list_notes).__wrapped__

    def list_without_token() -> Any:
        g.handoff_access_claims = claims
        return view()

    blueprint.add_url_rule("/open", "open", list_without_token)
    return server2.create_app()
